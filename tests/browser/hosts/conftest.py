"""The JupyterLab of the tests beside these, for notebooks that were saved."""

from tests.browser.lab.conftest import lab_server

__all__ = ["lab_server"]
