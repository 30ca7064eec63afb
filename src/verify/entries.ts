/** Entries of a case file's metadata, which are all text. */
import * as z from "zod";
import { show } from "../errors.js";

export const wholeNumber = z
  .string()
  .refine((text) => /^\d{1,10}$/.test(text), {
    error: ({ input }) => `must be a whole number; got ${show(input)}`,
  })
  .transform(Number);

const positive = z
  .string()
  .refine((text) => text.trim() !== "" && Number(text) > 0 && Number.isFinite(Number(text)), {
    error: ({ input }) => `must be a positive number; got ${show(input)}`,
  })
  .transform(Number);

/** Adam's settings; defaults as in Keras. */
export const adamEntries = {
  learningRate: positive.default(1e-3),
  beta1: positive.default(0.9),
  beta2: positive.default(0.999),
  epsilon: positive.default(1e-7),
};
