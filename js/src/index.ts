import type { RenderProps } from "@anywidget/types";
import { show } from "./view";

/** The widget: shows a model in `el` until the host or the returned function ends it. */
export default {
  render({ model, el, signal }: RenderProps): () => void {
    return show(model, el, signal as AbortSignal | undefined);
  },
};
