// The languages of the editor, each fetched when a file of it is opened.
import type { Extension } from "@codemirror/state";
import type { StreamParser } from "@codemirror/language";

type Load = () => Promise<Extension>;

const legacy = (load: () => Promise<StreamParser<unknown>>): Load => async () => {
  const [{ StreamLanguage }, parser] = await Promise.all([import("@codemirror/language"), load()]);
  return StreamLanguage.define(parser);
};

const yaml: Load = async () => {
  const [{ yaml }, { yamlErrors }] = await Promise.all([import("@codemirror/lang-yaml"), import("./yaml-errors")]);
  return [yaml(), yamlErrors];
};
const javascript = (options: object): Load => async () =>
  (await import("@codemirror/lang-javascript")).javascript(options);

interface Language {
  name: string;
  /** What the file's name ends with, or is. */
  names: RegExp;
  load: Load;
}

const LANGUAGES: Language[] = [
  { name: "YAML", names: /\.ya?ml$|^\.?kubeconfig$|^\.clang-format$/, load: yaml },
  { name: "JSON", names: /\.(json|jsonc|webmanifest)$|^\.prettierrc$/, load: async () => (await import("@codemirror/lang-json")).json() },
  { name: "Python", names: /\.pyw?$/, load: async () => (await import("@codemirror/lang-python")).python() },
  { name: "Go", names: /\.go$/, load: async () => (await import("@codemirror/lang-go")).go() },
  { name: "Java", names: /\.java$/, load: async () => (await import("@codemirror/lang-java")).java() },
  { name: "TypeScript", names: /\.[cm]?ts$/, load: javascript({ typescript: true }) },
  { name: "JavaScript", names: /\.[cm]?js$/, load: javascript({}) },
  { name: "JavaScript", names: /\.(jsx|tsx)$/, load: javascript({ jsx: true, typescript: true }) },
  { name: "Rust", names: /\.rs$/, load: async () => (await import("@codemirror/lang-rust")).rust() },
  { name: "Markdown", names: /\.(md|markdown)$/, load: async () => (await import("@codemirror/lang-markdown")).markdown() },
  {
    name: "Dockerfile",
    names: /^(dockerfile|containerfile)(\..*)?$|\.dockerfile$/i,
    load: legacy(async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile),
  },
  {
    name: "Shell",
    names: /\.(sh|bash|zsh|ksh|env)$|^\.(bashrc|bash_profile|profile|zshrc|env)$/,
    load: legacy(async () => (await import("@codemirror/legacy-modes/mode/shell")).shell),
  },
  {
    name: "Properties",
    names: /\.(properties|ini|cfg|conf)$|^\.(gitconfig|npmrc|editorconfig)$/,
    load: legacy(async () => (await import("@codemirror/legacy-modes/mode/properties")).properties),
  },
  { name: "TOML", names: /\.toml$/, load: legacy(async () => (await import("@codemirror/legacy-modes/mode/toml")).toml) },
  { name: "XML", names: /\.(xml|html?|svg|xsd|pom)$/, load: legacy(async () => (await import("@codemirror/legacy-modes/mode/xml")).xml) },
];

const PLAIN: Language = { name: "Text", names: /$/, load: async () => [] };

/** Finds the language of a file by its name, or by the program that its first line names. */
export function languageOf(name: string, firstLine: string): Language {
  const byName = LANGUAGES.find((language) => language.names.test(name.toLowerCase()) || language.names.test(name));
  if (byName) return byName;
  const program = /^#!.*\b(bash|sh|zsh|python3?|node)\b/.exec(firstLine)?.[1];
  const wanted = program && (program.startsWith("python") ? "Python" : program === "node" ? "JavaScript" : "Shell");
  return LANGUAGES.find((language) => language.name === wanted) ?? PLAIN;
}
