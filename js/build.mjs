import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outdir = here("../kan_widget/static");
/** Bytes that each bundle may have. A notebook saves the first with every widget; the second is fetched when needed. */
const budget = { "widget.js": 100_000, "sheets.js": 110_000, "page.js": 2_000 };

/** Bytes that the first may have once it is packed. */
const packed = 35_000;

/** Markup does not mean its indentation, nor a style sheet its lines: leave them out of the bundle. */
const unindented = {
  name: "unindented",
  setup: (build) =>
    build.onLoad({ filter: /src[/\\].+\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/\n[ \t]+/g, "\n").replace(path.endsWith("styles.ts") ? /(?<=[;,{}])\n+/g : "", ""),
      loader: "ts",
    })),
};

/** The sheets are drawn by the lit-html of the widget. */
const borrowed = {
  name: "borrowed",
  setup: (build) =>
    build.onResolve({ filter: /^lit-html$/ }, ({ importer }) =>
      importer.includes("sheets") ? { path: here("src/sheets/tags.ts") } : undefined),
};

const options = {
  entryPoints: { widget: here("src/index.ts"), sheets: here("src/sheets/index.ts"), page: here("src/page.ts") },
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  // Hosts read the file as text and import it from a blob, so a charset header cannot be counted on.
  charset: "ascii",
  legalComments: "none",
  // Released lit-html, not its development build, which logs to the console.
  conditions: ["production"],
  plugins: [unindented, borrowed],
  logLevel: "info",
};

if (process.argv.includes("--watch")) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  await esbuild.build(options);
  for (const [name, limit] of Object.entries(budget)) {
    const path = `${outdir}/${name}`;
    // Packed, terser's output is some hundredths smaller than esbuild's, and these bytes are in every saved notebook.
    const { code } = await minify(await readFile(path, "utf8"), {
      module: true, ecma: 2022, compress: { passes: 3 }, format: { ascii_only: true, comments: false },
    });
    if (code.length > limit) throw new Error(`${name} has ${code.length} bytes; the budget is ${limit}`);
    const size = gzipSync(code, { level: 9 }).length;
    if (name === "widget.js" && size > packed) throw new Error(`${name} has ${size} bytes when packed; the budget is ${packed}`);
    await writeFile(path, code);
  }
}
