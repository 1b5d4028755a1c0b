/** The colours of a theme. Three voices carry meaning: ink, cut and accent; the rest is furniture. */
export interface Palette {
  readonly bg: string;
  readonly panel: string;
  readonly line: string;
  /** Borders of controls: these must stand out from the panel. */
  readonly edge: string;
  readonly ink: string;
  readonly mute: string;
  /** Ticks and hints: still text, so still readable. */
  readonly faint: string;
  readonly accent: string;
  readonly accentBg: string;
  readonly cut: string;
  readonly cutBg: string;
  readonly shade: string;
}

export type ThemeName = "light" | "dark";

export const PALETTES: Readonly<Record<ThemeName, Palette>> = {
  light: {
    bg: "#ffffff", panel: "#f7f8fa", line: "#e3e6ea", edge: "#d3d8de",
    ink: "#1d232b", mute: "#56616d", faint: "#667180",
    accent: "#0b62c9", accentBg: "#e6f0fc", cut: "#b93a08", cutBg: "#fdeee6", shade: "#1d232b14",
  },
  dark: {
    bg: "#15181d", panel: "#1b1f25", line: "#2b313a", edge: "#3a424d",
    ink: "#e6e9ee", mute: "#a9b3bf", faint: "#8b95a2",
    accent: "#5aa6ff", accentBg: "#16304f", cut: "#fb923c", cutBg: "#3a2214", shade: "#e6e9ee1a",
  },
};

/** The palette as CSS custom properties. */
export function variables(palette: Palette): string {
  const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  return Object.entries(palette).map(([name, value]) => `--${kebab(name)}:${value}`).join(";");
}
