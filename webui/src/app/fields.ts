// The start form's fields as the endpoint takes them, and what is wrong with them in words. Pure.
import type { ExtraOption, TemplateArguments } from "./arguments.ts";

export interface StartValues {
  readonly users: string;
  readonly rate: string;
  readonly host: string;
  readonly runTime: string;
  readonly profile: string;
  readonly classes: readonly string[];
  readonly shape: string;
  readonly custom: Readonly<Record<string, string | boolean | readonly string[]>>;
}

export function firstValues(args: TemplateArguments): StartValues {
  return {
    users: String(args.user_count || args.num_users || 1),
    rate: String(args.spawn_rate || 1),
    host: args.host ?? "",
    runTime: args.run_time == null ? "" : String(args.run_time),
    profile: args.profile ?? "",
    classes: args.available_user_classes ?? [],
    shape: args.available_shape_classes?.[0] ?? "Default",
    custom: Object.fromEntries(
      Object.entries(args.extra_options ?? {}).map(([name, option]) => [name, customValue(option)]),
    ),
  };
}

function customValue(option: ExtraOption): string | boolean | readonly string[] {
  const value = option.default_value;
  if (typeof value === "boolean") return value;
  if (option.is_multiple) return Array.isArray(value) ? value.map(String) : value == null ? [] : [String(value)];
  return value == null ? "" : String(value);
}

/** Common options are hidden when a shape leads the test and does not use them. */
export const hidesCommon = (args: TemplateArguments, shape: string): boolean =>
  args.show_userclass_picker
    ? shape !== "Default" && args.shape_use_common_options !== true
    : args.hide_common_options === true;

export function toFields(values: StartValues, args: TemplateArguments, edit: boolean): [string, string][] {
  const fields: [string, string][] = [
    ["user_count", hidesCommon(args, values.shape) ? "0" : values.users.trim()],
    ["spawn_rate", hidesCommon(args, values.shape) ? "0" : values.rate.trim()],
  ];
  if (!edit) {
    fields.push(["host", values.host.trim()]);
    if (values.runTime.trim() !== "") fields.push(["run_time", values.runTime.trim()]);
    if (values.profile.trim() !== "" || args.profile) fields.push(["profile", values.profile.trim()]);
    if (args.show_userclass_picker) {
      for (const name of values.classes) fields.push(["user_classes", name]);
      fields.push(["shape_class", values.shape]);
    }
  }
  for (const [name, value] of Object.entries(values.custom)) {
    if (typeof value === "boolean") fields.push([name, value ? "true" : "false"]);
    else if (typeof value === "string") fields.push([name, value]);
    else for (const each of value) fields.push([name, each]);
  }
  return fields;
}

const RUN_TIME = /^(\d+|(?=.)(\d+h)?(\d+m)?(\d+s)?)$/;

/** Complaints by field; an empty object is a form that can be sent. */
export function complaints(values: StartValues, args: TemplateArguments, edit: boolean): Record<string, string> {
  const found: Record<string, string> = {};
  if (!hidesCommon(args, values.shape)) {
    if (!/^\d+$/.test(values.users.trim()) || Number(values.users) < 1) found.users = "A whole number from 1 on.";
    if (!(Number(values.rate) > 0) || !Number.isFinite(Number(values.rate)))
      found.rate = "A number above 0, such as 0.5 or 10.";
  }
  if (edit) return found;
  if (args.is_host_required && values.host.trim() === "") found.host = "A base URL, such as https://shop.example.";
  if (!RUN_TIME.test(values.runTime.trim()) && values.runTime.trim() !== "")
    found.runTime = "For example 90, 90s, 3m, 2h or 1h20m.";
  if (args.show_userclass_picker && values.classes.length === 0) found.classes = "Choose at least one user class.";
  for (const [name, option] of Object.entries(args.extra_options ?? {})) {
    const value = values.custom[name];
    if (option.is_required && (value === "" || (Array.isArray(value) && value.length === 0)))
      found[name] = "This is needed.";
  }
  return found;
}

/** Not an error, since anything may be a host; but worth a word. */
export function hostWarning(host: string): string {
  const text = host.trim();
  if (text === "" || /^https?:\/\/[^\s/]+/i.test(text)) return "";
  return "This does not begin with http:// or https://.";
}

/** `user_name` as a label: "User name". */
export function label(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
