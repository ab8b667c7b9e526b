// The report: one self-contained file, dist/report.html, with a place for the data.
import { defineConfig } from "vite";
import { singleFile } from "./build/single_file.ts";

export default defineConfig({
  base: "./",
  plugins: [singleFile()],
  build: {
    outDir: "dist",
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    rolldownOptions: { input: "report.html", output: { codeSplitting: false } },
  },
});
