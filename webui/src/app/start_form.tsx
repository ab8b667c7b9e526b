// The form that starts a test, and the shorter one that changes a running test.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { swarm } from "./actions.ts";
import { args, type ExtraOption } from "./arguments.ts";
import { ClassPicker } from "./class_picker.tsx";
import { complaints, firstValues, hidesCommon, hostWarning, label, type StartValues, toFields } from "./fields.ts";
import { busy, readOnly, status } from "./state.ts";

/** What was entered last, so that the next form begins with it. */
let remembered: StartValues | null = null;

function begin(edit: boolean): StartValues {
  const values = remembered ?? firstValues(args);
  const target = status.value.target_user_count || status.value.user_count;
  return edit && target > 0 ? { ...values, users: String(target) } : values;
}

export function StartForm({ edit }: { readonly edit: boolean }): JSX.Element {
  const [values, setValues] = useState(() => begin(edit));
  const [tried, setTried] = useState(false);
  const [refusal, setRefusal] = useState("");
  const wrong = complaints(values, args, edit);
  const shown = tried ? wrong : {};
  const set = (change: Partial<StartValues>) => setValues({ ...values, ...change });
  const hidden = hidesCommon(args, values.shape);

  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(wrong).length > 0 || busy.value !== "") return;
    setRefusal("");
    remembered = values;
    const answer = await swarm(toFields(values, args, edit));
    if (!answer.ok) setRefusal(answer.message || "The test could not be started.");
  };

  return (
    <form class="stack" onSubmit={submit} noValidate>
      {!edit && args.show_userclass_picker && <ClassPicker values={values} onChange={set} complaint={shown.classes} />}
      {hidden && (
        <p class="notice">
          A load shape decides how many users there are, how fast they start and how long the test runs.
        </p>
      )}
      <div class="two">
        <TextField
          id="users"
          title="Users"
          hint="At the most, at the same time"
          complaint={shown.users}
          inputMode="numeric"
          value={hidden ? "0" : values.users}
          disabled={hidden}
          onChange={(users) => set({ users })}
        />
        <TextField
          id="rate"
          title="Users started per second"
          hint={ramp(values)}
          complaint={shown.rate}
          inputMode="decimal"
          value={hidden ? "0" : values.rate}
          disabled={hidden}
          onChange={(rate) => set({ rate })}
        />
      </div>
      {!edit && <HostField values={values} set={set} complaint={shown.host} />}
      {!edit && (
        <details class="fold" open={shown.runTime !== undefined || values.runTime !== "" || values.profile !== ""}>
          <summary>Advanced options</summary>
          <div class="fold-body two">
            <TextField
              id="run-time"
              title="Run time"
              hint="90, 90s, 3m, 2h, 1h20m; empty: until it is stopped"
              complaint={shown.runTime}
              value={values.runTime}
              disabled={hidden}
              onChange={(runTime) => set({ runTime })}
            />
            <TextField
              id="profile"
              title="Profile"
              hint="A word about this run, for reports"
              list="profiles"
              value={values.profile}
              onChange={(profile) => set({ profile })}
            >
              <datalist id="profiles">
                {(args.all_profiles ?? []).map((profile) => (
                  <option key={profile} value={profile} />
                ))}
              </datalist>
            </TextField>
          </div>
        </details>
      )}
      <CustomOptions values={values} set={set} complaints={shown} />
      {refusal !== "" && (
        <p class="notice fail" role="alert">
          {refusal}
        </p>
      )}
      <div class="row">
        <button type="submit" class="button primary big" disabled={busy.value !== "" || readOnly.value}>
          {busy.value === "swarm" ? "Working…" : edit ? "Change the test" : "Start"}
        </button>
        {readOnly.value && <span class="muted">This link is for looking only.</span>}
      </div>
    </form>
  );
}

function ramp({ users, rate }: StartValues): string {
  const seconds = Number(users) / Number(rate);
  if (!Number.isFinite(seconds) || seconds <= 0) return "How fast the ramp goes";
  return seconds < 1 ? "All at once" : `All of them after ${Math.ceil(seconds)} s`;
}

interface FieldProps {
  readonly id: string;
  readonly title: string;
  readonly hint?: string;
  readonly complaint?: string | undefined;
  readonly children: ComponentChildren;
}

export function Field({ id, title, hint, complaint, children }: FieldProps) {
  return (
    <div class="form-field">
      <label for={id}>{title}</label>
      {children}
      <span id={`${id}-note`} class={complaint === undefined ? "muted small" : "bad-text small"}>
        {complaint ?? hint ?? ""}
      </span>
    </div>
  );
}

interface TextFieldProps {
  readonly id: string;
  readonly title: string;
  readonly hint: string;
  readonly complaint?: string | undefined;
  readonly value: string;
  readonly disabled?: boolean;
  readonly inputMode?: "numeric" | "decimal" | "text";
  readonly list?: string;
  readonly onChange: (value: string) => void;
  readonly children?: ComponentChildren;
}

function TextField({ id, title, hint, complaint, value, onChange, children, ...rest }: TextFieldProps) {
  return (
    <Field id={id} title={title} hint={hint} complaint={complaint}>
      <input
        id={id}
        class="field"
        autocomplete="off"
        value={value}
        aria-invalid={complaint !== undefined}
        aria-describedby={`${id}-note`}
        onInput={(event) => onChange(event.currentTarget.value)}
        {...(rest as { readonly disabled?: boolean })}
      />
      {children}
    </Field>
  );
}

interface PartProps {
  readonly values: StartValues;
  readonly set: (change: Partial<StartValues>) => void;
}

function HostField({ values, set, complaint }: PartProps & { readonly complaint: string | undefined }) {
  const notes = [
    hostWarning(values.host),
    args.override_host_warning ? "The user classes have hosts of their own, which this replaces." : "",
    args.missing_host_warning && values.host === "" ? "Not every user class has a host of its own." : "",
  ].filter(Boolean);
  return (
    <Field id="host" title="Host" hint={notes.join(" ") || "The base URL of what is tested"} complaint={complaint}>
      <input
        id="host"
        class="field"
        type="url"
        autocomplete="url"
        placeholder={args.is_host_required ? "https://shop.example" : "the user classes’ own"}
        value={values.host}
        aria-describedby="host-note"
        onInput={(event) => set({ host: event.currentTarget.value })}
      />
    </Field>
  );
}

function CustomOptions({
  values,
  set,
  complaints: wrong,
}: PartProps & { readonly complaints: Readonly<Record<string, string>> }) {
  const options = Object.entries(args.extra_options ?? {});
  if (options.length === 0) return null;
  const change = (name: string, value: string | boolean | readonly string[]) =>
    set({ custom: { ...values.custom, [name]: value } });
  return (
    <details class="fold" open>
      <summary>Options of the locustfile</summary>
      <div class="fold-body two">
        {options.map(([name, option]) => (
          <CustomField
            key={name}
            name={name}
            option={option}
            value={values.custom[name] ?? ""}
            complaint={wrong[name]}
            onChange={(value) => change(name, value)}
          />
        ))}
      </div>
    </details>
  );
}

interface CustomProps {
  readonly name: string;
  readonly option: ExtraOption;
  readonly value: string | boolean | readonly string[];
  readonly complaint: string | undefined;
  readonly onChange: (value: string | boolean | readonly string[]) => void;
}

function CustomField({ name, option, value, complaint, onChange }: CustomProps) {
  const [visible, setVisible] = useState(false);
  const id = `custom-${name}`;
  const choices = option.choices?.map(String);
  if (typeof value === "boolean") {
    return (
      <label class="check form-field" title={option.help_text ?? ""}>
        <input id={id} type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} />
        <span>
          {label(name)} <span class="muted small">{option.help_text}</span>
        </span>
      </label>
    );
  }
  if (choices !== undefined && choices.length > 0) {
    const many = option.is_multiple === true;
    return (
      <Field id={id} title={label(name)} hint={option.help_text ?? ""} complaint={complaint}>
        <select
          id={id}
          class="field"
          multiple={many}
          size={many ? Math.min(6, choices.length) : 1}
          aria-describedby={`${id}-note`}
          onChange={(event) =>
            onChange(
              many ? [...event.currentTarget.selectedOptions].map((each) => each.value) : event.currentTarget.value,
            )
          }
        >
          {choices.map((choice) => (
            <option
              key={choice}
              value={choice}
              selected={Array.isArray(value) ? value.includes(choice) : value === choice}
            >
              {choice}
            </option>
          ))}
        </select>
      </Field>
    );
  }
  const text = typeof value === "string" ? value : value.join(",");
  return (
    <Field id={id} title={label(name)} hint={option.help_text ?? ""} complaint={complaint}>
      <span class="row">
        <input
          id={id}
          class="field grow"
          {...(option.is_secret && !visible ? ({ type: "password" } as const) : ({ type: "text" } as const))}
          autocomplete="off"
          value={text}
          aria-describedby={`${id}-note`}
          onInput={(event) =>
            onChange(option.is_multiple ? event.currentTarget.value.split(",") : event.currentTarget.value)
          }
        />
        {option.is_secret && (
          <button type="button" class="button" aria-pressed={visible} onClick={() => setVisible(!visible)}>
            {visible ? "Hide" : "Show"}
          </button>
        )}
      </span>
    </Field>
  );
}
