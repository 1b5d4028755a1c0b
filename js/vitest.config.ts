import { defineConfig } from "vitest/config";

export default defineConfig({
  // Released lit-html, as in the bundle: its development build talks to the console.
  ssr: { resolve: { conditions: ["default"] } },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"], server: { deps: { inline: [/lit-html/] } } },
});
