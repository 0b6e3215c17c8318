/** Icons: 16 px, one colour, drawn by stroke like JupyterLab's. */

const PATHS = {
  archive: "M2 3h12v3H2zM3 6v7.500h10V6M6.500 8.500h3",
  arrow: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  bolt: "M8.5 1.5 3 9h4l-.5 5.5L12 7H8z",
  cell: "M2.500 2.500h11v5h-11zM8 9.500v5M5.500 12h5",
  check: "M3 8.5 6.5 12 13 4.5",
  chevron: "M6 4l4 4-4 4",
  clip: "M12.500 7.500 8 12a2.800 2.800 0 0 1-4-4l5-5a1.900 1.900 0 0 1 2.700 2.700L7 10.400",
  clock: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM8 4.500V8l2.500 1.500",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  cross: "M4 4l8 8M12 4l-8 8",
  down: "M8 3v10M3.5 8.5 8 13l4.5-4.5",
  edit: "M2.5 13.5 3 11l8-8 2 2-8 8zM9.5 4.5l2 2",
  file: "M4 1.5h5l3 3v10H4zM9 1.5v3h3",
  fork: "M4.500 5.500v5M4.500 8.500c5 0 7-.500 7-3M4.500 2a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500zM4.500 10.500a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500zM11.500 2a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500z",
  globe:
    "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM1.5 8h13M8 1.5c4 4 4 9 0 13M8 1.5c-4 4-4 9 0 13",
  image: "M2 3h12v10H2zM2 11l3.5-3.5 3 3 2-2L14 12M10.5 6h.01",
  list: "M6 4h8M6 8h8M6 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  play: "M5 3l8 5-8 5z",
  plus: "M8 3v10M3 8h10",
  quote:
    "M3 9.500h3.500V5.500H3zc0 2 .500 3.500 2.500 4M9.500 9.500H13V5.500H9.500zc0 2 .500 3.500 2.500 4",
  retry: "M13 8a5 5 0 1 1-1.500-3.550L13 6M13 2.500V6H9.500",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5l3.5 3.5",
  settings: "M2 4.5h6M11 4.5h3M8 2.5v4M2 11.5h3M8 11.5h6M8 9.5v4",
  share:
    "M11.500 2a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500zM4.500 6.250a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500zM11.500 10.500a1.750 1.750 0 1 0 0 3.500 1.750 1.750 0 0 0 0-3.500zM6 7.100l4-2.400M6 8.900l4 2.400",
  shield: "M8 1.5l5 2v4c0 3.5-2.5 5.5-5 7-2.5-1.5-5-3.5-5-7v-4z",
  stop: "M4 4h8v8H4z",
  terminal: "M2 3h12v10H2zM4.5 6l2 2-2 2M8 10h3",
  thought: "M8 2a4.2 4.2 0 0 0-2.5 7.6V11h5V9.600A4.200 4.200 0 0 0 8 2zM6 13.500h4",
  tool: "M13 4.500 10.500 7 9 5.500 11.500 3A3.500 3.500 0 0 0 7 7.500L2.500 12 4 13.500 8.500 9A3.500 3.500 0 0 0 13 4.500z",
  trash: "M3 4.500h10M6.500 4.500v-2h3v2M4 4.500l.700 9h6.600l.700-9",
  user: "M8 2.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM3 13.500c0-5 10-5 10 0z",
  warning: "M8 2 14.500 13.500H1.500zM8 6.500v3.500M8 12v.01",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `ipc-icon ipc-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
