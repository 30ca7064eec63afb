/** What a checkpoint may say about its optimizer: as strict as the types. */
import * as z from "zod";

const baseSchedules = [
  z.strictObject({
    name: z.literal("exponentialDecay"),
    initialLearningRate: z.number(),
    decaySteps: z.number(),
    decayRate: z.number(),
    staircase: z.boolean(),
  }),
  z.strictObject({
    name: z.literal("piecewiseConstantDecay"),
    boundaries: z.array(z.number()),
    values: z.array(z.number()),
  }),
  z.strictObject({
    name: z.literal("cosineDecay"),
    initialLearningRate: z.number(),
    decaySteps: z.number(),
    alpha: z.number(),
    warmupTarget: z.number().nullable(),
    warmupSteps: z.number(),
  }),
] as const;

const scheduleSchema = z.discriminatedUnion("name", [
  ...baseSchedules,
  z.strictObject({
    name: z.literal("oneCycle"),
    maxLearningRate: z.number(),
    totalSteps: z.number(),
    warmupShare: z.number(),
    divFactor: z.number(),
    finalDivFactor: z.number(),
  }),
  z.strictObject({
    name: z.literal("warmup"),
    warmupSteps: z.number(),
    start: z.number(),
    schedule: z.union([z.number(), z.discriminatedUnion("name", baseSchedules)]),
  }),
]);

const settings = {
  learningRate: z.union([z.number(), scheduleSchema]),
  weightDecay: z.number().optional(),
  excludeFromWeightDecay: z.array(z.string()).optional(),
  clipnorm: z.number().optional(),
  clipvalue: z.number().optional(),
  globalClipnorm: z.number().optional(),
  useEma: z.boolean().optional(),
  emaMomentum: z.number().optional(),
};

export const optimizerSchema = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.enum(["adam", "adamw"]),
    ...settings,
    beta1: z.number(),
    beta2: z.number(),
    epsilon: z.number(),
  }),
  z.strictObject({ name: z.literal("sgd"), ...settings, momentum: z.number(), nesterov: z.boolean() }),
  z.strictObject({
    name: z.literal("rmsprop"),
    ...settings,
    rho: z.number(),
    momentum: z.number(),
    epsilon: z.number(),
    centered: z.boolean(),
  }),
]);
