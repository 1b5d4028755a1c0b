import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outfile = here("../kan_widget/static/widget.js");

/** Markup does not mean its indentation: leave it out of the bundle. */
const unindented = {
  name: "unindented",
  setup: (build) =>
    build.onLoad({ filter: /src[/\\][^/\\]+\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/\n[ \t]+/g, "\n"),
      loader: "ts",
    })),
};

const options = {
  entryPoints: [here("src/index.ts")],
  outfile,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  // Hosts read the file as text and import it from a blob, so a charset header cannot be counted on.
  charset: "ascii",
  legalComments: "none",
  // Released lit-html, not its development build, which logs to the console.
  conditions: ["production"],
  plugins: [unindented],
  logLevel: "info",
};

if (process.argv.includes("--watch")) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  await esbuild.build(options);
  const limit = 100_000;
  const { size } = await stat(outfile);
  if (size > limit) throw new Error(`widget.js has ${size} bytes; the budget is ${limit}`);
}
