/** Do callers get answers, and soon? */
import { type Alert, alert, metric, rate, sumBy, type Thresholds } from './alert.ts'

export const doorAlerts = ({ decisionSeconds }: Thresholds): readonly Alert[] => [
  alert(
    'SlowDecisions',
    `histogram_quantile(0.99, ${sumBy('le', `rate(${metric('feedloop_decision_seconds')}_bucket[5m])`)}) > ${decisionSeconds}`,
    {
      severity: 'warning',
      wait: '10m',
      summary: 'One in a hundred decisions takes too long',
      description: 'Look for lag of the ranker on requests; add instances, up to the partition count.',
    },
  ),
  alert('GatewayRefusing', `${sumBy('reason', rate('feedloop_gateway_shed_total', '5m'))} > 0.1`, {
    severity: 'warning',
    wait: '5m',
    summary: 'The HTTP door refuses calls: {{ $labels.reason }}',
    description:
      'full: add gateways or rankers. log: see the brokers. ranker: see whether rankers run and are ready. not_ready: see what /readyz of the gateway waits for.',
  }),
  alert('RequestsShed', `${sumBy('answer', rate('feedloop_requests_shed_total', '5m'))} > 0.1`, {
    severity: 'warning',
    wait: '5m',
    summary: 'The rankers shed requests: {{ $labels.answer }}',
    description:
      'They are not scored and never learned. Add rankers, up to one a partition, or ask for fewer candidates.',
  }),
]
