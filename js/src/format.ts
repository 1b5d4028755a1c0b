const EXPONENT = /e([+-])(\d+)$/;

/** A score, as in "edge x1 to h3, score 0.020". */
export function formatScore(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 9.95e-5) return value.toExponential(1).replace(EXPONENT, "e$1$2").replace("e+", "e");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size < 0.00995 ? value.toPrecision(2) : value.toFixed(3);
}

/** A threshold, with a third figure where two would hide one that counts. */
export function formatThreshold(value: number): string {
  const short = formatScore(value);
  if (value === 0 || Number(short) === Number(value.toPrecision(3))) return short;
  return value < 9.95e-5 ? value.toExponential(2) : value.toPrecision(3);
}

/** A loss, to three figures. */
export function formatLoss(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2).replace("e+", "e");
  return size >= 1000 ? formatCount(Math.round(value)) : value.toPrecision(3);
}

/** A share, as "97.1 %". */
export const formatShare = (value: number | null): string => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);

/** A change in parts of what was before, as "+0.6 %". */
export function formatChange(before: number | null, now: number | null): string {
  if (before === null || now === null || before === 0) return "";
  const change = (now - before) / Math.abs(before);
  if (change >= 9.995) return `×${(now / before).toPrecision(3)}`;
  const size = Math.abs(100 * change);
  if (size < 0.05) return "±0.0 %";
  return `${change < 0 ? "−" : "+"}${size.toFixed(size >= 100 ? 0 : 1)} %`;
}

/** A whole number with its thousands set apart. */
export const formatCount = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** "1 edge", "6 edges". */
export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A number on an axis. */
export function formatTick(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const short = size < 1e-3 || size >= 1e5 ? value.toExponential().replace("e+", "e") : String(Number(value.toPrecision(6)));
  return short.replace("-", "−");
}
