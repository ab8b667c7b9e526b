// The login page: a user and a password, or whatever form and providers the locustfile asks for (Locust's auth arguments).
import { type JSX, render } from "preact";
import "../styles/base.css";
import "../styles/app.css";
import { readArguments } from "../app/arguments.ts";
import { theme, toggleTheme } from "../model/theme.ts";

interface FormInput {
  readonly label: string;
  readonly name: string;
  readonly type?: string | null;
  readonly default_value?: string | boolean | null;
  readonly choices?: readonly string[] | null;
  readonly is_multiple?: boolean;
  readonly is_secret?: boolean;
  readonly is_required?: boolean;
}

interface AuthArguments {
  readonly title?: string;
  readonly error?: string | null;
  readonly info?: string | null;
  readonly username_password_callback?: string;
  readonly auth_providers?: readonly {
    readonly label: string;
    readonly callback_url: string;
    readonly icon_url?: string;
  }[];
  readonly custom_form?: {
    readonly inputs: readonly FormInput[];
    readonly callback_url: string;
    readonly submit_button_text?: string;
  };
}

const args = readArguments<AuthArguments>("auth-args");

function Login(): JSX.Element {
  const own = args.custom_form;
  const providers = args.auth_providers ?? [];
  const usual =
    args.username_password_callback ??
    (own === undefined && providers.length === 0 ? `login${location.search}` : undefined);
  return (
    <main class="login">
      <section class="panel stack">
        <div class="row">
          <h1 class="grow">{args.title ?? "Gregaria"}</h1>
          <button type="button" class="button plain" onClick={toggleTheme}>
            {theme.value === "dark" ? "Light" : "Dark"}
          </button>
        </div>
        {args.error && (
          <p class="notice fail" role="alert">
            {args.error}
          </p>
        )}
        {args.info && <p class="notice">{args.info}</p>}
        {usual !== undefined && (
          <form class="stack" method="post" action={usual}>
            <div class="form-field">
              <label for="username">User</label>
              <input id="username" class="field" name="username" autocomplete="username" required />
            </div>
            <div class="form-field">
              <label for="password">Password</label>
              <input
                id="password"
                class="field"
                name="password"
                type="password"
                autocomplete="current-password"
                required
              />
            </div>
            <button type="submit" class="button primary big">
              Log in
            </button>
          </form>
        )}
        {own !== undefined && (
          <form class="stack" method="post" action={own.callback_url}>
            {own.inputs.map((input) => (
              <OwnInput key={input.name} input={input} />
            ))}
            <button type="submit" class="button primary big">
              {own.submit_button_text ?? "Log in"}
            </button>
          </form>
        )}
        {providers.map((provider) => (
          <a key={provider.callback_url} class="button big" href={provider.callback_url}>
            {provider.icon_url && <img src={provider.icon_url} alt="" height="20" />}
            {provider.label}
          </a>
        ))}
      </section>
    </main>
  );
}

function OwnInput({ input }: { readonly input: FormInput }) {
  const id = `own-${input.name}`;
  const value = input.default_value;
  if (input.choices != null) {
    return (
      <div class="form-field">
        <label for={id}>{input.label}</label>
        <select
          id={id}
          class="field"
          name={input.name}
          multiple={input.is_multiple ?? false}
          required={input.is_required ?? false}
        >
          {input.choices.map((choice) => (
            <option key={choice} value={choice} selected={choice === value}>
              {choice}
            </option>
          ))}
        </select>
      </div>
    );
  }
  if (typeof value === "boolean") {
    return (
      <label class="check">
        <input type="checkbox" name={input.name} defaultChecked={value} />
        {input.label}
      </label>
    );
  }
  return (
    <div class="form-field">
      <label for={id}>{input.label}</label>
      <input
        id={id}
        class="field"
        name={input.name}
        {...({ type: input.is_secret ? "password" : (input.type ?? "text") } as { type: "text" })}
        defaultValue={value ?? ""}
        required={input.is_required ?? false}
      />
    </div>
  );
}

const root = document.getElementById("root");
if (root !== null) render(<Login />, root);
