/** A chart as data, and its SVG by ECharts: rendered on the server side, without a DOM. */

import { BarChart, CustomChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

export interface Series {
  readonly name: string
  /** One a place on the x axis. */
  readonly values: readonly number[]
  /** Half of the length of each error bar; not for bars side by side, which have one middle. */
  readonly errors?: readonly number[]
}

export interface Chart {
  /** Of the file, without ending. */
  readonly name: string
  readonly title: string
  /** What was run: seeds, decisions, what the error bars are. */
  readonly caption: string
  readonly kind: 'lines' | 'bars'
  readonly x: { readonly label: string; readonly places: readonly (string | number)[] }
  readonly y: string
  readonly series: readonly Series[]
}

echarts.use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

const WIDTH = 720
const HEIGHT = 400
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#555555']

/** The same chart is the same text, whatever was drawn before. */
export function svgOf(chart: Chart): string {
  const drawn = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  drawn.setOption(optionOf(chart))
  const svg = drawn.renderToSVGString()
  drawn.dispose()
  // styles are of hovering only; ids begin with the number of the chart in this process
  return svg
    .replace(/<style.*?<\/style>\n?/s, '')
    .replaceAll(/ class="[^"]*"/g, '')
    .replaceAll(/\bzr\d+-/g, 'zr-')
}

function optionOf({ title, caption, kind, x, y, series }: Chart): echarts.EChartsCoreOption {
  const middle = { nameLocation: 'middle' }
  return {
    animation: false,
    textStyle: { fontFamily: 'sans-serif' },
    backgroundColor: '#ffffff',
    title: { text: title, subtext: caption, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 0, itemGap: 24, data: series.map(({ name }) => name) },
    grid: { left: 64, right: 24, top: 72, bottom: 76 },
    xAxis: { type: 'category', data: x.places.map(String), name: x.label, ...middle, nameGap: 28 },
    yAxis: { type: 'value', name: y, ...middle, nameGap: 44 },
    series: series.flatMap((each, i) => [
      {
        name: each.name,
        type: kind === 'lines' ? 'line' : 'bar',
        data: [...each.values],
        symbolSize: 5,
        color: colors[i],
      },
      ...(each.errors ? [errorBars(each, each.errors)] : []),
    ]),
  }
}

interface Api {
  value(dimension: number): number
  coord(point: readonly [number, number]): [number, number]
}

/** A vertical line from mean - error to mean + error with a cap at either end. */
const errorBars = ({ values }: Series, errors: readonly number[]) => ({
  type: 'custom',
  silent: true,
  z: 5,
  data: values.map((value, i) => [i, value - errors[i], value + errors[i]]),
  encode: { x: 0, y: [1, 2] },
  renderItem(_: unknown, api: Api) {
    const [[at, low], [, high]] = [1, 2].map(end => api.coord([api.value(0), api.value(end)]))
    const line = (x1: number, y1: number, x2: number, y2: number) => ({
      type: 'line',
      shape: { x1, y1, x2, y2 },
      style: { stroke: '#333333', lineWidth: 1 },
    })
    const caps = [low, high].map(y => line(at - 4, y, at + 4, y))
    return { type: 'group', children: [line(at, low, at, high), ...caps] }
  },
})
