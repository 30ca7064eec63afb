/** The gang's worker, which breaks in the way that its address says. */
import "./faultyCore.js";
import "/dist/workers/web-worker.js";
