/** Rights of each stage as the chart's KafkaUsers need them: names without the prefix, which comes from the values. */
import { pipeline, type StageEntry } from '../../src/pipeline.ts'
import { stageAcls, watchAcls } from '../kafka/acls.ts'

export const chartAcls = () =>
  [
    ...pipeline.map((entry: StageEntry) => ({ stage: entry.stage, acls: stageAcls(entry) })),
    { stage: 'watch', acls: watchAcls() },
  ].map(({ stage, acls }) => ({
    stage,
    acls: acls.map(({ resource, name, operations }) => ({ resource, name, operations })),
  }))
