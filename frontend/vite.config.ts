import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Writes a .gz beside every text file, which whitenoise then serves instead. */
function gzipped(): Plugin {
  return {
    name: "gzipped",
    apply: "build",
    writeBundle({ dir = "dist" }) {
      for (const file of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|svg)$/.test(file)) continue;
        const path = join(dir, file);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: "/static/ui/",
  plugins: [gzipped()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows files, not data
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: "index.html", login: "src/styles/login.css" },
      output: {
        // 12 hex digits: the form of name that whitenoise lets browsers keep for ever.
        hashCharacters: "hex",
        entryFileNames: "assets/[name].[hash:12].js",
        chunkFileNames: "assets/[name].[hash:12].js",
        // The login page is Django's: it links its style by a name that stays.
        assetFileNames: ({ names }) =>
          names.includes("login.css") ? "login.css" : "assets/[name].[hash:12][extname]",
      },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
