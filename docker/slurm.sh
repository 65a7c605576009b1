#!/usr/bin/env bash
#SBATCH --job-name=isoflop
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
# isoflop on Slurm: `sbatch docker/slurm.sh sweep.yaml`, with isoflop installed at the same path on all nodes.
# ISOFLOP_HOME must lie on a file system that all nodes share, or ISOFLOP_ARTIFACTS_URL name a bucket;
# ISOFLOP_DATABASE_URL must name a PostgreSQL. Typed again, or requeued, it goes on where it was.
set -euo pipefail
sweep=${1:?usage: sbatch docker/slurm.sh SWEEP.yaml}
: "${ISOFLOP_DATABASE_URL:?name a PostgreSQL: postgresql+psycopg://user@host/isoflop}"

port=$((20000 + SLURM_JOB_ID % 20000))
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=$(head -n 1 <<<"$nodes")
address=$(srun --nodes=1 --ntasks=1 --nodelist="$first" hostname --ip-address | awk '{print $1}')

srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" \
    ray start --head --node-ip-address="$address" --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 15
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --overlap --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$first" \
        ray start --address="$address:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
fi

export ISOFLOP_RAY_ADDRESS="$address:$port"
export ISOFLOP_WORKERS=$((SLURM_JOB_NUM_NODES * SLURM_CPUS_PER_TASK))
isoflop run "$sweep" --yes &
driver=$!
# The batch shell gets SIGTERM 120 s before the end: the driver leaves checkpoints, and the job waits in line again.
trap 'kill -TERM $driver; wait $driver || true; scontrol requeue "$SLURM_JOB_ID"; exit 0' TERM
wait $driver
