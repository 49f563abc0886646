// The colours and type of terminals.
import type { ITerminalOptions } from "@xterm/xterm";

export const sizes = { smallest: 9, usual: 13.5, largest: 28, step: 1.5 };

export const look: ITerminalOptions = {
  fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
  lineHeight: 1.15,
  minimumContrastRatio: 4.5,
  theme: {
    background: "#11161c",
    foreground: "#dfe5ea",
    cursor: "#7fd6c8",
    cursorAccent: "#11161c",
    selectionBackground: "#2f5b6a",
    black: "#2a323b",
    red: "#f0857d",
    green: "#8fcf8b",
    yellow: "#e3c27a",
    blue: "#82b4ee",
    magenta: "#cf9fe6",
    cyan: "#76cfd0",
    white: "#dfe5ea",
    brightBlack: "#7d8894",
    brightRed: "#ff9f97",
    brightGreen: "#a9e3a5",
    brightYellow: "#f3d795",
    brightBlue: "#a3caf7",
    brightMagenta: "#e0bbf2",
    brightCyan: "#97e3e3",
    brightWhite: "#ffffff",
  },
};

export const searchColours = {
  matchBackground: "#4a4320",
  matchOverviewRuler: "#e3c27a",
  activeMatchBackground: "#7a6a1f",
  activeMatchColorOverviewRuler: "#f3d795",
};
