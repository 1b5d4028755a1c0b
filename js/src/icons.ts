import { svg, type SVGTemplateResult } from "lit-html";

const icon = (path: SVGTemplateResult): SVGTemplateResult =>
  svg`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${path}</svg>`;

export const undoIcon = icon(svg`<path d="M6 3 2.8 6.2 6 9.4M3 6.2h6.2a3.6 3.6 0 0 1 0 7.2H6.4" />`);
export const redoIcon = icon(svg`<path d="M10 3l3.2 3.2L10 9.4M13 6.2H6.8a3.6 3.6 0 0 0 0 7.2h2.8" />`);
export const closeIcon = icon(svg`<path d="M4 4l8 8M12 4l-8 8" />`);
export const alertIcon = icon(svg`<path d="M8 2.2 14.4 13.4H1.6ZM8 6.4v3.2M8 11.2v.4" />`);
export const infoIcon = icon(svg`<path d="M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM8 7.2v3.6M8 5v.4" />`);
export const lockIcon = icon(svg`<path d="M4 7.4h8v5.8H4ZM5.6 7.4V5.2a2.4 2.4 0 0 1 4.8 0v2.2" />`);
