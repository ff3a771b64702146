/** Why a figure of the contract cannot hold on a machine of this kind, and what can. */
export interface Explanation {
  /** The group or program, and the figure, as the contract's table has them. */
  readonly part: string
  readonly figure: string
  /** What is left as a bound: a figure beyond it is missed, and not explained. */
  readonly limit: number
  readonly reason: string
}

/** Only what physics or a decision keeps from its bound. What could still be made faster is not here, and is missed. */
export const explained: readonly Explanation[] = []
