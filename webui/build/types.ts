// TypeScript types out of the JSON Schemas that the Rust structs write (docs/result.schema.json and its like), so that page
// and report cannot drift from them. `npm run types` writes src/generated; a unit test compares.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | true;
  readonly prefixItems?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const here = dirname(fileURLToPath(import.meta.url));
export const repository = join(here, "../..");

/** Schema in the repository, and the file of types made from it. */
export const GENERATED: readonly (readonly [string, string])[] = [
  ["docs/result.schema.json", "webui/src/generated/result.ts"],
  ["docs/stream.schema.json", "webui/src/generated/stream.ts"],
  ["docs/comparison.schema.json", "webui/src/generated/comparison.ts"],
];

export function typesOf(schemaPath: string): string {
  const schema = JSON.parse(readFileSync(join(repository, schemaPath), "utf8")) as Schema;
  const named = [[schema.title ?? "Root", schema], ...Object.entries(schema.$defs ?? {})] as [string, Schema][];
  const parts = named.map(([name, each]) => declaration(name, each));
  return `// Made from ${schemaPath} by \`npm run types\`; do not edit.\n\n${parts.join("\n\n")}\n`;
}

function declaration(name: string, schema: Schema): string {
  const about = comment(schema.description, "");
  if (schema.properties === undefined) return `${about}export type ${name} = ${typeOf(schema)};`;
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(
    ([key, field]) =>
      `${comment(field.description, "  ")}  ${quoted(key)}${required.has(key) ? "" : "?"}: ${typeOf(field)};`,
  );
  return `${about}export interface ${name} {\n${fields.join("\n")}\n}`;
}

const quoted = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key));

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? "" : `${indent}/** ${text.replaceAll("*/", "* /").replace(/\s*\n\s*/g, " ")} */\n`;
}

function typeOf(schema: Schema | boolean | undefined): string {
  if (schema === undefined || typeof schema === "boolean") return "unknown";
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "unknown";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = schema.oneOf ?? schema.anyOf;
  if (either !== undefined) return [...new Set(either.map(typeOf))].join(" | ");
  const kinds = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  return kinds.map((kind) => plainType(kind, schema)).join(" | ") || "unknown";
}

function plainType(kind: string, schema: Schema): string {
  switch (kind) {
    case "integer":
    case "number":
      return "number";
    case "array":
      if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
      return `(${typeOf(schema.items)})[]`.replace(/^\((\w+)\)/, "$1");
    case "object":
      if (schema.properties !== undefined) {
        const required = new Set(schema.required ?? []);
        const fields = Object.entries(schema.properties).map(
          ([key, field]) => `${quoted(key)}${required.has(key) ? "" : "?"}: ${typeOf(field)}`,
        );
        return `{ ${fields.join("; ")} }`;
      }
      return `Record<string, ${typeOf(schema.additionalProperties)}>`;
    default:
      return kind;
  }
}
