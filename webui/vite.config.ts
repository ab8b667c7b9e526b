// The page: hashed assets in dist/app, addressed relative to the page so that any base path works.
import { defineConfig } from "vite";
import { gzipCopies } from "./build/gzip.ts";

export default defineConfig({
  base: "./",
  plugins: [gzipCopies()],
  build: {
    outDir: "dist/app",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "auth.html"] },
  },
});
