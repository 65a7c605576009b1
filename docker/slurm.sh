#!/usr/bin/env bash
#SBATCH --job-name=isoflop
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
# isoflop on Slurm: `sbatch docker/slurm.sh sweep.yaml`, with isoflop installed at the same path on all nodes.
# ISOFLOP_HOME must lie on a file system that all nodes share, or ISOFLOP_ARTIFACTS_URL name a bucket; so must $HOME;
# ISOFLOP_DATABASE_URL must name a PostgreSQL. Typed again, or requeued, it goes on where it was.
set -euo pipefail
sweep=${1:?usage: sbatch docker/slurm.sh SWEEP.yaml}
: "${ISOFLOP_DATABASE_URL:?name a PostgreSQL: postgresql+psycopg://user@host/isoflop}"

port=$((20000 + SLURM_JOB_ID % 20000))
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=$(head -n 1 <<<"$nodes")
address=$(srun --nodes=1 --ntasks=1 --nodelist="$first" hostname --ip-address | awk '{print $1}')

# Who reaches Ray's ports runs code as this user: only processes that can read the token do.
umask 077
random() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$HOME/.isoflop-ray-token-$SLURM_JOB_ID" PYTHONSAFEPATH=1 RAY_worker_niceness=0
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT
random 32 >"$RAY_AUTH_TOKEN_PATH"
# Ray opens its folder to everybody: on each node it is inside one that only this user can enter.
private=/tmp/isoflop-ray-$(random 8)
node='mkdir -m 700 "$0" && cd "$0" && trap "cd /; rm -rf $0" EXIT && ray start "$@" --block'
without=(env -u ISOFLOP_DATABASE_URL -u ISOFLOP_TOKEN)

srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" "${without[@]}" bash -c "$node" "$private" --head \
    --temp-dir="$private/r" --node-ip-address="$address" --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" &
sleep 15
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --overlap --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$first" \
        "${without[@]}" bash -c "$node" "$private" --address="$address:$port" --num-cpus="$SLURM_CPUS_PER_TASK" &
fi

export ISOFLOP_RAY_ADDRESS="$address:$port"
export ISOFLOP_WORKERS=$((SLURM_JOB_NUM_NODES * SLURM_CPUS_PER_TASK))
isoflop run "$sweep" --yes &
driver=$!
# The batch shell gets SIGTERM 120 s before the end: the driver leaves checkpoints, and the job waits in line again.
trap 'kill -TERM $driver; wait $driver || true; scontrol requeue "$SLURM_JOB_ID"; exit 0' TERM
wait $driver
