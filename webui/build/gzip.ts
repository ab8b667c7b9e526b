// Puts a gzipped copy beside every file of the page that gets smaller by it; crates/webui embeds both.
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

export function gzipCopies(): Plugin {
  return {
    name: "gzip-copies",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const source = file.type === "chunk" ? file.code : file.source;
        const packed = gzipSync(source, { level: 9 });
        if (packed.length < Buffer.byteLength(source) * 0.9) {
          this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: packed });
        }
      }
    },
  };
}
