#!/usr/bin/env bash
# Variations of BLUR's weighting on the embedded default: five seeds, two γ. About 20 minutes on two CPU cores.
# Each run's metrics are in MLflow (and in the logs written here); run it in a copy of the project.
set -euo pipefail
weighting=unlearning.methods.blur_npo.weighting
for seed in 0 1 2 3 4; do
  kedro run --params "seed=$seed" | tee "log-$seed-0.004-plain.txt"
  for gamma in 0.004 0.01; do
    for variation in metric=plain metric=adam per=module floor=zero; do
      [ "$gamma-$variation" = 0.004-metric=plain ] && continue
      kedro run --params "seed=$seed,$weighting.gamma=$gamma,$weighting.$variation" \
        | tee "log-$seed-$gamma-${variation#*=}.txt"
    done
  done
done
