import { defineConfig } from "vitest/config";

const lit = decodeURIComponent(new URL("node_modules/lit-html/", import.meta.url).pathname);

export default defineConfig({
  resolve: {
    // Released lit-html, as in the bundle: its development build talks to the console.
    alias: [
      { find: /^lit-html$/, replacement: `${lit}lit-html.js` },
      { find: /^lit-html\/directives\//, replacement: `${lit}directives/` },
    ],
  },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"] },
});
