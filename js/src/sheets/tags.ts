// What lit-html's tags make, without lit-html: these modules are a bundle of their own, drawn by the one in `src`.

/** A template and its values, as lit-html's `render` takes them. */
const tag = (kind: 1 | 2) => (strings: TemplateStringsArray, ...values: unknown[]) => ({ _$litType$: kind, strings, values });

export const html = tag(1);
export const svg = tag(2);
export const nothing = Symbol.for("lit-nothing");
