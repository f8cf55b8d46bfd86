/** The stages as the chart needs them, and `feedloop watch`, which is none but is deployed as they are. */
import { groupName, pipeline, type StageEntry, type StageName, topics } from '../../src/pipeline.ts'

export interface ChartStage {
  readonly stage: string
  readonly does: string
  /** Of the command line. */
  readonly command: readonly string[]
  /** Runs only when the values say so. */
  readonly optional: boolean
  /** At most one process is of use: a second would only lose every race of the chain. */
  readonly single: boolean
  /** Runs only when the configuration names sources. */
  readonly needsSources: boolean
  /** Callers come to it over HTTP. */
  readonly isDoor: boolean
  /** Each process answers for the people of its partitions, so it must be found by itself. */
  readonly holdsUsers: boolean
  /** What its lag is in: topic and group, without the prefix. */
  readonly reads: readonly { readonly topic: string; readonly group: string }[]
}

export const chartStages = (): readonly ChartStage[] =>
  pipeline.map((entry: StageEntry) => ({
    stage: entry.stage,
    does: entry.does,
    command: ['run', entry.stage],
    optional: false,
    single: entry.runs === 'chain' && entry.writes.every(topic => topics[topic].partitions !== 'users'),
    needsSources: entry.reads.length === 0 && entry.broadcast.length === 0,
    isDoor: entry.stage === 'gateway',
    holdsUsers: entry.stage === 'ranker',
    reads: entry.reads.map(topic => ({ topic, group: groupName('', entry.stage as StageName, topic) })),
  }))

const watch: ChartStage = {
  stage: 'watch',
  does: 'sends heartbeats and audits',
  command: ['watch'],
  optional: true,
  single: true,
  needsSources: false,
  isDoor: false,
  holdsUsers: false,
  reads: [],
}

/** All that the chart deploys. */
export const chartServices = (): readonly ChartStage[] => [...chartStages(), watch]
