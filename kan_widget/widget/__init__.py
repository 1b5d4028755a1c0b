"""The notebook widget: the only importer of anywidget and traitlets."""
