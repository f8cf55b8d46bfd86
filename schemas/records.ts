// Made by tools/record-types.mjs from the .avsc files beside it. Do not edit.

/** Something a person did, or that was done for them. */
export interface BehaviorEvent {
  /** Unique id. */
  readonly event_id: string
  /** Who. */
  readonly user_id: string
  /** Session, where known. */
  readonly session_id: string | null
  /** The decision that this is an outcome of; null: attributed by item and window, or organic. */
  readonly decision_id: string | null
  /** The item it is about. */
  readonly item_id: string | null
  /** Position in the slate, from 0. */
  readonly slot: number | null
  /** impression, click, purchase, rating, dwell, view, share, like, skip, hide, dislike, refund, activate or your own. */
  readonly type: string
  /** Echo of the decision's slate_hash. */
  readonly slate_hash: string | null
  /** Price, stars, seconds; null: none. */
  readonly value: number | null
  /** When it happened, ms since the epoch. */
  readonly time_ms: number
}

/** A thing that can be recommended. */
export interface Item {
  /** Unique id. */
  readonly item_id: string
  /** Title, description: what an encoder reads. */
  readonly text: string | null
  /** Category, price, region and the like. */
  readonly attributes: Readonly<Record<string, boolean | string | number>>
  /** May be recommended. */
  readonly available: boolean
  /** When this state of the item became true, ms since the epoch. */
  readonly time_ms: number
}

/** The vector of one version of one item. */
export interface ItemFeatures {
  /** item_id@feature_version: the compaction key, so that each version stays. */
  readonly feature_key: string
  /** Item. */
  readonly item_id: string
  /** 48-bit hash of content and encoder version; never 0. */
  readonly feature_version: number
  /** Encoder name and version. */
  readonly encoder_version: string
  /** Little-endian float32. */
  readonly vector: Buffer
  /** The item's attributes, passed through. */
  readonly attributes: Readonly<Record<string, boolean | string | number>>
  /** May be recommended. */
  readonly available: boolean
  /** The item's time, ms since the epoch; the newest is current. */
  readonly time_ms: number
}

/** How far an input is contained. */
export interface Contained {
  /** Topic. */
  readonly topic: string
  /** Partition. */
  readonly partition: number
  /** Next offset not contained. */
  readonly next: number
}

export type Dtype = 'float32' | 'float64' | 'int32'

/** A named array. */
export interface Tensor {
  /** Name, unique in the checkpoint. */
  readonly name: string
  /** Dimensions, outermost first. */
  readonly shape: readonly number[]
  /** Element type, little-endian. */
  readonly dtype: Dtype
  /** Elements, row-major; empty when in chunks. */
  readonly data: Buffer
  /** Content hashes of the chunks that hold the data, in order. */
  readonly chunks: readonly string[]
}

/** A version of a policy: a checkpoint from which learning goes on bit-identically. */
export interface ModelVersion {
  /** Unique in the policy, rising: zero-padded number. */
  readonly version: string
  /** Version it was learned from; null for the first. */
  readonly parent: string | null
  /** Policy. */
  readonly policy: string
  /** Learner, e.g. linear-gaussian. */
  readonly algorithm: string
  /** Explorer to serve it with, e.g. thompson. */
  readonly explorer: string
  /** Hyper-parameters that serving needs. */
  readonly parameters: Readonly<Record<string, number>>
  /** Hash of all settings whose change makes the checkpoint unusable. */
  readonly config_hash: string
  /** Tick of the step that made it, ms since the epoch. */
  readonly created_ms: number
  /** Digest of the log file that was learned before any transition; empty: none was. */
  readonly warm_start: string
  /** Time of the newest outcome learned, ms since the epoch; 0: none. */
  readonly newest_reward_ms: number
  /** Times of outcomes that are contained here and not in the parent, ms since the epoch; a sample of at most 200. From these freshness is measured. */
  readonly outcome_times_ms: readonly number[]
  /** Transition revisions learned so far; those of the log that it started from are not among them. */
  readonly transitions: number
  /** Input positions contained. */
  readonly contains: readonly Contained[]
  /** Loss, norms, KL and the like. */
  readonly metrics: Readonly<Record<string, number>>
  /** Version whose tensors this one builds on: tensors not listed are unchanged; null: all are here. */
  readonly base_version: string | null
  /** Weights and statistics. */
  readonly tensors: readonly Tensor[]
}

export type Mode = 'online' | 'apprentice' | 'logging_only'

export type ChosenBy = 'policy' | 'baseline' | 'pinned'

export type PropensityKind = 'exact' | 'estimated' | 'deterministic' | 'unknown'

/** How chance entered. */
export interface Explorer {
  /** Explorer, e.g. thompson. */
  readonly name: string
  /** Its parameters, e.g. draws, epsilon. */
  readonly parameters: Readonly<Record<string, number>>
}

/** One past interaction as the ranker had seen it. */
export interface Interaction {
  /** Item interacted with. */
  readonly item_id: string
  /** Version of the item vector in use then; 0 when the item had none. */
  readonly feature_version: number
  /** Event type, e.g. click. */
  readonly type: string
  /** Age at the decision, milliseconds. */
  readonly age_ms: number
  /** The event's value; 1 when it had none. */
  readonly value: number
}

/** Raw user state that a decision was taken on. Encoded by the one state encoder, in ranker and learner alike. */
export interface Snapshot {
  /** Version of the user vector; 0 without a profile. */
  readonly profile_version: number
  /** User vector used, little-endian float32; null without a profile. */
  readonly profile: Buffer | null
  /** Last interactions, newest first. */
  readonly history: readonly Interaction[]
  /** Interactions seen so far by type. */
  readonly counts: Readonly<Record<string, number>>
  /** Request context: numbers, words, flags. */
  readonly context: Readonly<Record<string, boolean | string | number>>
}

/** One item that could have been chosen. */
export interface Candidate {
  /** Item. */
  readonly item_id: string
  /** Version of the item vector used; 0 without one. */
  readonly feature_version: number
  /** Where it came from: request, catalogue, retrieval, exploration. */
  readonly source: string
  /** Probability that this candidate got into the set, (0, 1]. */
  readonly inclusion_probability: number
}

/** Bounds of a group's slots in the slate. */
export interface Quota {
  /** attribute:value, the value in JSON. */
  readonly name: string
  /** At least so many slots; as lowered where it could not be met. */
  readonly floor: number
  /** At most so many slots. */
  readonly cap: number
  /** Indices of the group's candidates that could be shown. */
  readonly candidates: readonly number[]
}

/** A boost and whom it moves. */
export interface Shift {
  /** Added to the logit. */
  readonly by: number
  /** Indices of the candidates. */
  readonly candidates: readonly number[]
}

/** How likeness to the slots before shifts a logit. */
export interface Diversity {
  /** mmr or dpp. */
  readonly kind: string
  /** Factor of the shift. */
  readonly strength: number
}

/** What limited the choice. */
export interface Constraints {
  /** Indices of candidates that no slot could draw: banned, excluded, seen, pinned. */
  readonly masked: readonly number[]
  /** Shown of each quota's group, by its name. */
  readonly counters: Readonly<Record<string, number>>
  /** Quotas that could bind, in their order. */
  readonly quotas: readonly Quota[]
  /** Boosts that moved something. */
  readonly shifts: readonly Shift[]
  /** Diversity asked of the slate; null: none. */
  readonly diversity: Diversity | null
}

/** One place of the slate. */
export interface Slot {
  /** Item shown. */
  readonly item_id: string
  /** Its index among the candidates. */
  readonly candidate: number
  /** Position shown, from 0. */
  readonly position: number
  /** Probability of this item in the first draw, [0, 1]: 0 where it could not have been drawn first, and for a pinned one. */
  readonly first_draw_propensity: number
  /** Probability of this item here given the slots before, (0, 1]; 1 for a pinned one. */
  readonly conditional_propensity: number
  /** Put here by a rule, not drawn. */
  readonly pinned: boolean
}

/** One candidate's score and what made it. */
export interface ExplainedItem {
  /** Item. */
  readonly item_id: string
  /** Position shown, from 0; -1: an alternative, not shown. */
  readonly slot: number
  /** Place by score among the candidates that are not masked, from 1. */
  readonly rank: number
  /** Expected reward, or logit (two-tower). */
  readonly score: number
  /** The policy's probability of it for the first slot. */
  readonly probability: number
  /** Drawn by the policy although another that was left, and is not masked, scored higher. */
  readonly explored: boolean
  /** Parts of the score, which add up to it. */
  readonly contributions: Readonly<Record<string, number>>
}

/** How scores came about. */
export interface Explanation {
  /** What was shown, then the best of the others, by score. */
  readonly items: readonly ExplainedItem[]
  /** On what the version was let serve; empty: the initial policy, or it is not known here. */
  readonly evidence: Readonly<Record<string, boolean | string | number>>
}

/** A decision, with all that is needed to learn from it and to evaluate others on it. */
export interface Recommendation {
  /** The request id. */
  readonly decision_id: string
  /** Policy that decided. */
  readonly policy: string
  /** For whom. */
  readonly user_id: string
  /** Session, given or cut by gap. */
  readonly session_id: string
  /** The session's decision before this one. */
  readonly previous_decision_id: string | null
  /** Decisions of the session before this one. */
  readonly session_step: number
  /** The request's time, ms since the epoch. */
  readonly request_time_ms: number
  /** When it was decided, ms since the epoch. */
  readonly decision_time_ms: number
  /** The request's deadline, ms since the epoch. */
  readonly deadline_ms: number | null
  /** Version that scored; empty: the initial policy. */
  readonly model_version: string
  /** Release in force; empty: none yet. */
  readonly release_version: string
  /** State encoder and its dimensions. */
  readonly encoder_version: string
  /** How candidates were found. */
  readonly retrieval_version: string
  /** What the decision was for. */
  readonly mode: Mode
  /** Who chose what was shown. */
  readonly chosen_by: ChosenBy
  /** What the propensities are worth. */
  readonly propensity_kind: PropensityKind
  /** Explorer and its parameters. */
  readonly explorer: Explorer
  /** What the decision was taken on. */
  readonly state: Snapshot
  /** All that could be chosen, in order. */
  readonly candidates: readonly Candidate[]
  /** What limited the choice, so that every slot's conditional can be computed again: src/ranker/constraints/limits.ts. */
  readonly constraints: Constraints
  /** The slate. */
  readonly slots: readonly Slot[]
  /** The policy's probability of each candidate in the first draw; sums to 1; empty when it drew nothing: shed, logging only, nothing to choose among. */
  readonly first_slot_probabilities: readonly number[]
  /** In apprentice mode: what the policy would have shown. */
  readonly shadow_slate: readonly string[] | null
  /** 16 hex digits over decision id and shown items; outcomes may echo it. */
  readonly slate_hash: string
  /** Seed of all chance in it; 53 bits of a hash of the request id. */
  readonly seed: number
  /** Probability of not having been shed, (0, 1]. */
  readonly pass_probability: number
  /** Thinned by load shedding. */
  readonly shed: boolean
  /** Counts only after an activate event. */
  readonly deferred: boolean
  /** Why nothing or something unusual was shown; empty: as usual. */
  readonly reason: string
  /** For requests that ask to explain. */
  readonly explanation: Explanation | null
}

/** Traffic of one version. */
export interface Share {
  /** Version; empty: the initial policy. */
  readonly model_version: string
  /** Part of the users, [0, 1]; all sum to 1. */
  readonly share: number
  /** The next version that the gate lets through takes its place; else the version is pinned. */
  readonly follows: boolean
}

/** Which versions serve a policy, from now on. */
export interface Release {
  /** Unique, rising. */
  readonly release_version: string
  /** Policy. */
  readonly policy: string
  /** Tick of the step, ms since the epoch. */
  readonly time_ms: number
  /** Traffic shares. */
  readonly shares: readonly Share[]
  /** What decisions are for. */
  readonly mode: Mode
  /** promoted, passed (it may serve, but no share follows), refused:CODE, repeated (what serves, before it expires), manual (an order of `feedloop release`). */
  readonly reason: string
  /** The version that was refused, where one was. */
  readonly refused_version: string | null
  /** The numbers it rests on. */
  readonly evidence: Readonly<Record<string, boolean | string | number>>
}

/** An item put at a place. */
export interface Pin {
  /** Place in the slate, from 0. */
  readonly position: number
  /** Item. */
  readonly item_id: string
}

/** A wish for a recommendation. */
export interface Request {
  /** Unique id; becomes the decision id. */
  readonly request_id: string
  /** Whom to recommend to. */
  readonly user_id: string
  /** Session; null: cut by gap. */
  readonly session_id: string | null
  /** Policy that decides. */
  readonly policy: string
  /** When it was asked, ms since the epoch. */
  readonly time_ms: number
  /** After this time (ms since the epoch) the answer is of no use. */
  readonly deadline_ms: number | null
  /** Items wanted, 1 or more. */
  readonly slots: number
  /** What is known of the moment: device, hour, page. */
  readonly context: Readonly<Record<string, boolean | string | number>>
  /** Item ids to choose among; null: the catalogue. */
  readonly candidates: readonly string[] | null
  /** Item ids that the caller's own rule would show. */
  readonly baseline: readonly string[] | null
  /** The decision counts only after an activate event. */
  readonly deferred: boolean
  /** Item ids that must not be shown. */
  readonly excluded: readonly string[] | null
  /** Items put at places of this slate; before the policy's own. */
  readonly pinned: readonly Pin[] | null
  /** The decision also says how its scores came about. */
  readonly explain: boolean
}

export type RevisionKind = 'initial' | 'reward' | 'continuation' | 'close' | 'retraction'

export type Examined = 'yes' | 'no' | 'unknown'

/** One revision of (state, action, propensity, reward, next state, discount). The sum of delta over revisions is the reward. */
export interface Transition {
  /** decision_id/slot. */
  readonly transition_id: string
  /** 0 for the initial one, then 1, 2 … */
  readonly revision: number
  /** What this revision says. */
  readonly kind: RevisionKind
  /** Decision. */
  readonly decision_id: string
  /** Position in the slate from 0; -1: the slate as a whole. */
  readonly slot: number
  /** Size of the slate. */
  readonly slots: number
  /** Policy that decided. */
  readonly policy: string
  /** User. */
  readonly user_id: string
  /** Session. */
  readonly session_id: string
  /** Decisions of the session before this one. */
  readonly session_step: number
  /** State of the decision. */
  readonly state: Snapshot
  /** Candidates of the decision. */
  readonly candidates: readonly Candidate[]
  /** Indices of candidates that no slot could draw: whoever weighs by propensities leaves them out of the policy's choice too. */
  readonly masked: readonly number[]
  /** Items: the slot's one, or the whole slate. */
  readonly action: readonly string[]
  /** Conditional propensity of the slot, or the product over the slate, (0, 1]. */
  readonly propensity: number
  /** First-draw propensity of the slot; the product for a slate. */
  readonly first_draw_propensity: number
  /** What the propensities are worth. */
  readonly propensity_kind: PropensityKind
  /** What the decision was for. */
  readonly mode: Mode
  /** Who chose. */
  readonly chosen_by: ChosenBy
  /** Did the person look at it? */
  readonly examined: Examined
  /** Change of the reward by component since the revision before. */
  readonly delta: Readonly<Record<string, number>>
  /** Reward by component up to and including this revision. */
  readonly cumulative: Readonly<Record<string, number>>
  /** gamma to the power of the time to the next decision; null while unknown. */
  readonly discount: number | null
  /** The session's next decision. */
  readonly next_decision_id: string | null
  /** State of the next decision. */
  readonly next_state: Snapshot | null
  /** Candidates of the next decision. */
  readonly next_candidates: readonly Candidate[] | null
  /** Indices of next candidates that no slot could draw and no rule put there: whoever takes the best of what comes next leaves them out. */
  readonly next_masked: readonly number[]
  /** The episode ended here: no value beyond. */
  readonly terminated: boolean
  /** Observation ended here: value beyond is unknown, not zero. */
  readonly truncated: boolean
  /** Version that decided. */
  readonly model_version: string
  /** Learning weight: 1 / pass_probability, times maturity. */
  readonly weight: number
  /** When it was decided, ms since the epoch. */
  readonly decision_time_ms: number
  /** Time of the newest outcome in it, ms since the epoch. */
  readonly reward_time_ms: number | null
  /** Tick of the step that emitted it, ms since the epoch. */
  readonly emitted_time_ms: number
}

/** The vector of a user profile. */
export interface UserFeatures {
  /** User. */
  readonly user_id: string
  /** 48-bit hash of content and encoder version; never 0. */
  readonly profile_version: number
  /** Encoder name and version. */
  readonly encoder_version: string
  /** Little-endian float32. */
  readonly vector: Buffer
  /** The profile's attributes, passed through. */
  readonly attributes: Readonly<Record<string, boolean | string | number>>
  /** The profile's time, ms since the epoch. */
  readonly time_ms: number
}

/** What is known of a person apart from behaviour. */
export interface UserProfile {
  /** Unique id. */
  readonly user_id: string
  /** Free text about the person. */
  readonly text: string | null
  /** Age band, gender, segment and the like. */
  readonly attributes: Readonly<Record<string, boolean | string | number>>
  /** When this state of the profile became true, ms since the epoch. */
  readonly time_ms: number
}

/** One interaction of a history. */
export interface PastInteraction {
  /** 53 bits of the event id's hash, to know a repeated one. */
  readonly event_hash: number
  /** Item interacted with. */
  readonly item_id: string
  /** Event type, e.g. click. */
  readonly type: string
  /** The event's time, ms since the epoch. */
  readonly time_ms: number
  /** The event's value; 1 when it had none. */
  readonly value: number
}

/** A session that may go on. */
export interface OpenSession {
  /** Policy that decided in it. */
  readonly policy: string
  /** Session. */
  readonly session_id: string
  /** Its last decision with a slate. */
  readonly last_decision_id: string
  /** Decisions with a slate so far. */
  readonly step: number
  /** Newest request time, ms since the epoch. */
  readonly last_time_ms: number
}

/** A request that was decided. */
export interface DecidedId {
  /** The request id. */
  readonly decision_id: string
  /** When it was decided, ms since the epoch. */
  readonly decision_time_ms: number
}

/** A step of the ranker. */
export interface SnapshotPoint {
  /** Where its batch stands in `recommendations`. */
  readonly offset: number
  /** The batch's id, 16 hex digits. */
  readonly id: string
  /** First offset of each topic, `recommendations` too, whose effects are not in the state. */
  readonly next: Readonly<Record<string, number>>
}

/** What the snapshots of a partition add up to. */
export interface Floor {
  /** JSON of the step (head and header) all of whose changes are in the snapshots before `until`; null: nothing is, a rebuild began here. */
  readonly point: string | null
  /** Snapshots before this offset are void. */
  readonly since: number
  /** See `point`. */
  readonly until: number
}

/** What the ranker keeps of a user, after some step of its chain; or, without a user, of the partition. */
export interface UserSnapshot {
  /** User; empty: none. */
  readonly user_id: string
  /** Last interactions, newest first. */
  readonly history: readonly PastInteraction[]
  /** Events so far by type. */
  readonly counts: Readonly<Record<string, number>>
  /** Profile. */
  readonly profile: UserFeatures | null
  /** Last decided first. */
  readonly sessions: readonly OpenSession[]
  /** Requests that were decided lately; with no user. */
  readonly decided: readonly DecidedId[]
  /** The step after which this was so. */
  readonly contains: SnapshotPoint | null
  /** With no user. */
  readonly floor: Floor | null
}
