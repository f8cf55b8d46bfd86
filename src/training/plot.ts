/** A learning curve as an SVG: one line, and the marks that it is to be read by. Written out, because a line is no reason for a library. */

export interface Curve {
  readonly title: string
  /** Below the title. */
  readonly note?: string
  readonly x: { readonly label: string; readonly values: readonly number[] }
  /** One a place on the x axis; errors are drawn as a band on both sides. */
  readonly y: { readonly label: string; readonly values: readonly number[]; readonly errors?: readonly number[] }
  /** Dashed, e.g. of the optimum. */
  readonly marks: readonly { readonly name: string; readonly value: number }[]
}

const WIDTH = 720
const HEIGHT = 400
const LEFT = 72
const RIGHT = 96
const TOP = 48
const BOTTOM = 56
const TICKS = 5

export function plotCurve({ title, note, x, y, marks }: Curve): string {
  const { errors = [] } = y
  const across = scaleOf([0, ...x.values], LEFT, WIDTH - RIGHT)
  const edges = [-1, 1].map(side => y.values.map((value, i) => value + side * (errors[i] ?? 0)))
  const heights = [...edges.flat(), ...marks.map(({ value }) => value)]
  const up = scaleOf(heights.length > 0 ? heights : [0], HEIGHT - BOTTOM, TOP)
  const at = (values: readonly number[]): string[] =>
    x.values.map((value, i) => `${across.at(value)},${up.at(values[i])}`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(WIDTH / 2, 22, title, 'middle', ' font-size="15" font-weight="bold"'),
    ...(note ? [text(WIDTH / 2, 40, note, 'middle')] : []),
    ...across.ticks.map(tick => text(across.at(tick), HEIGHT - BOTTOM + 18, short(tick), 'middle')),
    ...up.ticks.flatMap(tick => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${up.at(tick)}" y2="${up.at(tick)}" stroke="#e0e0e0"/>`,
      text(LEFT - 8, up.at(tick) + 4, short(tick), 'end'),
    ]),
    ...marks.flatMap(({ name, value }) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${up.at(value)}" y2="${up.at(value)}" stroke="#555555" stroke-dasharray="4 4"/>`,
      text(WIDTH - RIGHT + 6, up.at(value) + 4, name, 'start'),
    ]),
    ...(errors.some(error => error > 0)
      ? [`<polygon points="${[...at(edges[0]), ...at(edges[1]).reverse()].join(' ')}" fill="#0072b2" opacity=".2"/>`]
      : []),
    `<polyline points="${at(y.values).join(' ')}" fill="none" stroke="#0072b2" stroke-width="2"/>`,
    text(WIDTH / 2, HEIGHT - 14, x.label, 'middle'),
    text(18, HEIGHT / 2, y.label, 'middle', ` transform="rotate(-90 18 ${HEIGHT / 2})"`),
    '</svg>\n',
  ].join('\n')
}

/** A linear scale over the values, and round places on it. */
function scaleOf(values: readonly number[], from: number, to: number) {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const span = high - low || 1
  const rough = span / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find(each => each * power >= rough) ?? 10)
  const first = Math.ceil(low / step)
  return {
    at: (value: number): number => Number((from + ((value - low) / span) * (to - from)).toFixed(1)),
    ticks: Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step),
  }
}

const short = (value: number): string => String(Number(value.toPrecision(6)))

const text = (x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', more = ''): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
