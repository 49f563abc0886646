// Marks what is not valid in a YAML file, while it is edited.
import { linter } from "@codemirror/lint";
import { findErrors } from "./yaml";

export const yamlErrors = linter(
  (view) => {
    const text = view.state.doc.toString();
    // labs' templates are no YAML until they are filled in
    if (/^\s*(\{\{|#@)/m.test(text)) return [];
    return findErrors(text).map(({ from, to, message, isError }) => ({
      from: Math.min(from, text.length),
      to: Math.min(to, text.length),
      severity: isError ? ("error" as const) : ("warning" as const),
      message,
    }));
  },
  { delay: 500 },
);
