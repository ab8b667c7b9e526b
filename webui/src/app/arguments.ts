// What the server writes into the page when it is loaded: Locust's template arguments, read once.

export interface ExtraOption {
  readonly default_value: unknown;
  readonly choices?: readonly string[] | null;
  readonly help_text?: string | null;
  readonly is_secret?: boolean;
  readonly is_multiple?: boolean;
  readonly is_required?: boolean;
}

export interface TemplateArguments {
  readonly locustfile?: string | null;
  readonly version?: string;
  readonly state?: string;
  readonly host?: string;
  readonly num_users?: number | null;
  readonly user_count?: number | null;
  readonly spawn_rate?: number | null;
  readonly run_time?: number | string | null;
  readonly profile?: string | null;
  readonly all_profiles?: readonly string[];
  readonly hide_common_options?: boolean | null;
  readonly shape_use_common_options?: boolean | null;
  readonly show_userclass_picker?: boolean;
  readonly available_user_classes?: readonly string[] | null;
  readonly available_shape_classes?: readonly string[];
  readonly available_user_tasks?: Readonly<Record<string, readonly string[]>> | null;
  readonly users?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null;
  readonly extra_options?: Readonly<Record<string, ExtraOption>>;
  readonly is_host_required?: boolean;
  readonly override_host_warning?: boolean;
  readonly missing_host_warning?: boolean;
  readonly stats_history_enabled?: boolean | null;
  readonly extended_tabs?: readonly { readonly title: string; readonly key: string }[];
  readonly extended_tables?: readonly {
    readonly key: string;
    readonly structure: readonly { readonly key: string; readonly title: string }[];
  }[];
  readonly extended_csv_files?: readonly { readonly href: string; readonly title: string }[];
  /** The server keeps runs that have ended, below `runs`. */
  readonly keeps_runs?: boolean;
}

/** JSON in a script element of the page (crates/web puts it there); nothing of it if it is missing or is none. */
export function readArguments<T extends object>(id: string): Partial<T> {
  const text = document.getElementById(id)?.textContent ?? "";
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}

export const args: TemplateArguments = readArguments<TemplateArguments>("template-args");
