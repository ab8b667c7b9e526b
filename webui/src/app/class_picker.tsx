// Which user classes and which load shape a test uses, and the settings of a class.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "../components/dialog.tsx";
import { changeUser } from "./api.ts";
import { args } from "./arguments.ts";
import { label, type StartValues } from "./fields.ts";
import { Field } from "./start_form.tsx";

interface Props {
  readonly values: StartValues;
  readonly onChange: (change: Partial<StartValues>) => void;
  readonly complaint: string | undefined;
}

/** What the server says of a class, changed by what was saved since. */
const saved = new Map<string, Record<string, unknown>>();
const settingsOf = (name: string): Record<string, unknown> => ({ ...args.users?.[name], ...saved.get(name) });

export function ClassPicker({ values, onChange, complaint }: Props): JSX.Element {
  const all = args.available_user_classes ?? [];
  const [edited, setEdited] = useState("");
  const everything = useRef<HTMLInputElement>(null);
  const chosen = new Set(values.classes);
  useEffect(() => {
    if (everything.current !== null) everything.current.indeterminate = chosen.size > 0 && chosen.size < all.length;
  });
  const toggle = (name: string) => {
    if (!chosen.delete(name)) chosen.add(name);
    onChange({ classes: all.filter((each) => chosen.has(each)) });
  };
  const shapes = args.available_shape_classes ?? [];
  return (
    <fieldset class="picker">
      <legend>User classes</legend>
      <label class="check">
        <input
          ref={everything}
          type="checkbox"
          checked={chosen.size === all.length}
          onChange={(event) => onChange({ classes: event.currentTarget.checked ? all : [] })}
        />
        <b>All of them</b>
      </label>
      <div class="picker-list">
        {all.map((name) => (
          <div key={name} class="row picker-row">
            <label class="check grow">
              <input type="checkbox" checked={chosen.has(name)} onChange={() => toggle(name)} />
              <span>{name}</span>
              <span class="muted small picker-host">{String(settingsOf(name).host ?? "")}</span>
            </label>
            <button
              type="button"
              class="button plain small"
              aria-label={`Settings of ${name}`}
              onClick={() => setEdited(name)}
            >
              Settings
            </button>
          </div>
        ))}
      </div>
      {complaint !== undefined && <span class="bad-text small">{complaint}</span>}
      {shapes.length > 1 && (
        <Field id="shape" title="Load shape" hint="Default: users and ramp as entered below">
          <select
            id="shape"
            class="field"
            aria-describedby="shape-note"
            onChange={(event) => onChange({ shape: event.currentTarget.value })}
          >
            {shapes.map((shape) => (
              <option key={shape} value={shape} selected={shape === values.shape}>
                {shape}
              </option>
            ))}
          </select>
        </Field>
      )}
      {edited !== "" && <ClassSettings name={edited} onClose={() => setEdited("")} />}
    </fieldset>
  );
}

function ClassSettings({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const settings = settingsOf(name);
  const tasks = args.available_user_tasks?.[name] ?? [];
  const [changed, setChanged] = useState<Record<string, unknown>>({});
  const [chosenTasks, setTasks] = useState<ReadonlySet<string>>(
    new Set((settings.tasks as string[] | undefined) ?? tasks),
  );
  const toggle = (task: string) => {
    const next = new Set(chosenTasks);
    if (!next.delete(task)) next.add(task);
    setTasks(next);
  };
  const [refusal, setRefusal] = useState("");
  const save = async () => {
    const kept = tasks.filter((task) => chosenTasks.has(task));
    const answer = await changeUser({ user_class_name: name, ...changed, tasks: kept });
    if (!answer.ok) {
      setRefusal(answer.message || "That could not be saved.");
      return;
    }
    saved.set(name, { ...saved.get(name), ...changed, tasks: kept });
    onClose();
  };
  const plain = Object.entries(settings).filter(
    ([key, value]) => key !== "tasks" && (value === null || typeof value !== "object"),
  );
  return (
    <Dialog title={`Settings of ${name}`} onClose={onClose}>
      <div class="stack">
        {plain.map(([key, value]) => (
          <Field key={key} id={`class-${key}`} title={label(key)}>
            <input
              id={`class-${key}`}
              class="field"
              value={String(changed[key] ?? value ?? "")}
              onInput={(event) => {
                const text = event.currentTarget.value;
                setChanged({
                  ...changed,
                  [key]: typeof value === "number" && text.trim() !== "" ? Number(text) : text,
                });
              }}
            />
          </Field>
        ))}
        {tasks.length > 0 && (
          <fieldset class="picker">
            <legend>Tasks</legend>
            {/* A task of weight three is listed three times. */}
            {[...new Set(tasks)].map((task) => (
              <label key={task} class="check">
                <input type="checkbox" checked={chosenTasks.has(task)} onChange={() => toggle(task)} />
                {task}
                <span class="muted small">weight {tasks.filter((each) => each === task).length}</span>
              </label>
            ))}
          </fieldset>
        )}
        {refusal !== "" && (
          <p class="notice fail" role="alert">
            {refusal}
          </p>
        )}
        <div class="row">
          <button type="button" class="button primary" onClick={save}>
            Save
          </button>
        </div>
      </div>
    </Dialog>
  );
}
