import type { AnyModel } from "@anywidget/types";

/** The widget's module, as anywidget loads it. */
interface Front {
  readonly default: { render(context: { model: AnyModel; el: HTMLElement }): unknown };
}

type Listener = (...values: unknown[]) => void;

const textOf = (id: string): string => document.getElementById(id)?.textContent ?? "";

/** Code that was packed as gzip in base64. */
function unpacked(packed: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** The saved state as a model without a kernel: it changes in the page alone, and answers for nobody but the sheets. */
function createModel(state: Record<string, unknown>): AnyModel {
  const listeners = new Map<string, Set<Listener>>();
  const emit = (event: string, ...values: unknown[]): void =>
    [...(listeners.get(event) ?? [])].forEach((listener) => listener(...values));
  const model = {
    get: (name: string) => state[name],
    set(name: string, value: unknown) {
      state[name] = value;
      emit(`change:${name}`);
    },
    on(event: string, listener: Listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off(event: string, listener: Listener) {
      listeners.get(event)?.delete(listener);
    },
    save_changes() {},
    send(message: { type?: string }) {
      if (message.type !== "sheets") throw new Error("no kernel");
      void unpacked(textOf("kan-sheets")).then((code) => emit("msg:custom", { type: "sheets" }, [new DataView(code)]));
    },
  };
  return model as unknown as AnyModel;
}

/** Open the widget that this page was written for. */
async function open(): Promise<void> {
  const url = URL.createObjectURL(new Blob([textOf("kan-widget")], { type: "text/javascript" }));
  const front = (await import(/* @vite-ignore */ url)) as Front;
  URL.revokeObjectURL(url);
  const el = document.getElementById("kan");
  if (el) front.default.render({ model: createModel(JSON.parse(textOf("kan-state")) as Record<string, unknown>), el });
}

void open();
