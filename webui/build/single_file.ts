// Makes the report one file: scripts and styles go into the page, and a Content-Security-Policy names their hashes, so
// that nothing else can run in a report whatever texts are in its data. For the report's build only.
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

const digest = (text: string): string => `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;

export function policy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

export function singleFile(): Plugin {
  return {
    name: "single-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = Object.values(bundle).find((file) => file.fileName.endsWith(".html"));
      if (page?.type !== "asset") throw new Error("the report has no page");
      let script = "";
      let style = "";
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk") script += file.code.replaceAll("</script", "<\\/script");
        else if (file.fileName.endsWith(".css")) style += String(file.source);
        if (file !== page) delete bundle[file.fileName];
      }
      const html = String(page.source)
        .replace(/\s*<script type="module"[^>]*><\/script>/, "")
        .replace(/\s*<link rel="stylesheet"[^>]*>/, "")
        .replace("__POLICY__", () => policy(script, style))
        .replace("</head>", () => `<style>${style}</style></head>`)
        .replace("</body>", () => `<script type="module">${script}</script></body>`);
      page.source = html;
    },
  };
}
