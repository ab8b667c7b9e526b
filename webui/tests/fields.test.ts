import { expect, test } from "vitest";
import { understood } from "../src/app/api.ts";
import type { TemplateArguments } from "../src/app/arguments.ts";
import { complaints, firstValues, hostWarning, label, toFields } from "../src/app/fields.ts";
import { meaning } from "../src/app/shortcuts.ts";

const args: TemplateArguments = {
  num_users: 20,
  spawn_rate: 2,
  host: "http://shop.test",
  is_host_required: true,
  show_userclass_picker: true,
  available_user_classes: ["Buyer", "Visitor"],
  available_shape_classes: ["Default", "Steps"],
  extra_options: {
    token: { default_value: "", is_required: true, is_secret: true },
    fast: { default_value: true },
    regions: { default_value: ["eu"], is_multiple: true, choices: ["eu", "us"] },
  },
};

test("the form begins with what the command line said", () => {
  const values = firstValues(args);
  expect(values).toMatchObject({
    users: "20",
    rate: "2",
    host: "http://shop.test",
    classes: ["Buyer", "Visitor"],
    shape: "Default",
  });
  expect(values.custom).toEqual({ token: "", fast: true, regions: ["eu"] });
  expect(firstValues({})).toMatchObject({ users: "1", rate: "1", host: "", runTime: "" });
});

test("fields have Locust's names, and editing sends users, ramp and options only", () => {
  const values = {
    ...firstValues(args),
    users: " 30 ",
    runTime: "2m",
    custom: { token: "x", fast: false, regions: ["eu", "us"] },
  };
  expect(toFields(values, args, false)).toEqual([
    ["user_count", "30"],
    ["spawn_rate", "2"],
    ["host", "http://shop.test"],
    ["run_time", "2m"],
    ["user_classes", "Buyer"],
    ["user_classes", "Visitor"],
    ["shape_class", "Default"],
    ["token", "x"],
    ["fast", "false"],
    ["regions", "eu"],
    ["regions", "us"],
  ]);
  expect(toFields(values, args, true).map(([name]) => name)).toEqual([
    "user_count",
    "spawn_rate",
    "token",
    "fast",
    "regions",
    "regions",
  ]);
});

test("what is wrong is said by field", () => {
  const good = { ...firstValues(args), custom: { token: "x", fast: true, regions: ["eu"] } };
  expect(complaints(good, args, false)).toEqual({});
  const bad = {
    ...good,
    users: "1.5",
    rate: "0",
    host: " ",
    runTime: "soon",
    classes: [],
    custom: { ...good.custom, token: "" },
  };
  expect(Object.keys(complaints(bad, args, false)).sort()).toEqual([
    "classes",
    "host",
    "rate",
    "runTime",
    "token",
    "users",
  ]);
  expect(Object.keys(complaints(bad, args, true)).sort()).toEqual(["rate", "users"]);
  expect(complaints({ ...good, users: "", shape: "Steps" }, args, false)).toEqual({});
  for (const runTime of ["", "90", "90s", "3m", "1h20m", "3h30m10s"])
    expect(complaints({ ...good, runTime }, args, false)).toEqual({});
});

test("a host without a scheme is only remarked upon", () => {
  expect(hostWarning("shop.test")).toContain("http://");
  expect(hostWarning("https://shop.test/api")).toBe("");
  expect(label("my_token")).toBe("My token");
});

test("answers are understood in Locust's form and as text", () => {
  expect(understood({ ok: true, status: 200 }, '{"success": true, "message": "Swarming started"}')).toEqual({
    ok: true,
    message: "Swarming started",
  });
  expect(understood({ ok: true, status: 200 }, '{"success": false, "message": "No runner"}')).toEqual({
    ok: false,
    message: "No runner",
  });
  expect(understood({ ok: true, status: 200 }, "ok")).toEqual({ ok: true, message: "" });
  expect(understood({ ok: false, status: 404 }, "404 Not Found")).toEqual({ ok: false, message: "404 Not Found" });
  expect(understood({ ok: false, status: 500 }, "")).toEqual({ ok: false, message: "Error 500" });
});

test("keys mean nothing while one types or holds a modifier", () => {
  const press = (key: string, more: object = {}) =>
    meaning({ key, ctrlKey: false, altKey: false, metaKey: false, target: null, ...more });
  expect([press("3"), press("/"), press("S"), press("s"), press("?")]).toEqual([
    "tab 3",
    "filter",
    "stop",
    null,
    "help",
  ]);
  expect(press("p", { ctrlKey: true })).toBeNull();
  expect(press("p", { target: { tagName: "INPUT" } as unknown as EventTarget })).toBeNull();
});
