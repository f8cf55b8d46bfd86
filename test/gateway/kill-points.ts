/** Where on the way of a call its gateway is killed, in order. */
export const points = ['asked', 'stored', 'decided', 'delivered', 'activated'] as const
export type Point = (typeof points)[number]
