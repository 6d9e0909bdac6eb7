#!/usr/bin/env bash
# Every folder of real files as far as its files go, with nothing but commands of aqa:
#     examples/real_files.sh DATA OUT
# DATA holds the data sets' folders as their authors publish them; each gets a workspace in OUT.
# Where there are labels and no videos, heads are fitted on random numbers of the right shape
# (`aqa store stand-in`): their results say nothing, and say so. Two minutes on two cores.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$(cd "$1" && pwd)
out=$(mkdir -p "$2" && cd "$2" && pwd)

aqa() { echo "+ aqa $*" && command aqa "$@"; }  # print each command before it runs
within() { mkdir -p "$out/$1" && cd "$out/$1"; }

# Features of real dives to an evaluated head, with the authors' split from two of their files.
within unlv-dive-p3d
aqa import unlv-dive-p3d "$data/unlv-dive-p3d"
aqa store import "$data/unlv-dive-p3d/features.npy" --store stores/p3d.h5 \
    --ids ids.txt --fitted-on fitted-on.txt
aqa split --train "$data/unlv-dive/training_idx.mat" --test "$data/unlv-dive/testing_idx.mat"
aqa stages "$data/unlv-dive-p3d/tcn_stage_posteriors.npz" --ids ids.txt --manifest manifest.csv
aqa fit --head svr --split lists -p kernel=linear -p C=1
aqa eval

# Joints to an evaluated head.
within pose-openpose
aqa import pose-trainer "$data/pose-openpose"
aqa extract --backbone pose --quiet
aqa split kfold --folds 4 --by score
aqa fit --head pose-dct
aqa eval

within ui-prmd
aqa import ui-prmd "$data/ui-prmd"
aqa extract --backbone pose --quiet
aqa split kfold --folds 5 --by score
aqa fit --head pose-dct
aqa eval

# One exercise of joints to a store.
within kimore
aqa import kimore "$data/kimore"
aqa extract --backbone pose --normalise forward --quiet
aqa store info stores/pose.h5

# Videos without labels to a store.
within videos
aqa import videos "$data/videos"
aqa extract --backbone tiny3d --weights random --quiet
aqa store verify stores/tiny3d.h5

# Labels alone: the published split, what needs no pixels, and a head on random numbers.
within mtl-aqa
aqa import mtl-aqa "$data/mtl-aqa"
aqa baseline difficulty
aqa store stand-in --clips 9 --features 256
aqa fit --head usdl -p epochs=2
aqa eval --no-baseline

within mtl-aqa-variants
aqa import mtl-aqa "$data/mtl-aqa" "$data/mtl-aqa-variants"
aqa store stand-in --clips 10 --features 256
aqa fit --head musdl -p epochs=2
aqa eval --no-baseline

within mtl-aqa-release
aqa import mtl-aqa "$data/mtl-aqa" "$data/mtl-aqa-release"
aqa store stand-in --clips 9 --features 256
aqa fit --head average --split size-140 -p epochs=2
aqa eval --no-baseline

within unlv-dive-4
aqa import mtl-aqa "$data/mtl-aqa-release/UNLV_Dive_split_4"
aqa baseline difficulty type

within aqa-7
aqa import aqa-7 "$data/aqa-7"
aqa baseline neighbours action --by action
aqa store stand-in --clips 9 --features 256
aqa fit --head average -p epochs=2
aqa eval --by action --no-baseline

within fis-v
aqa import fis-v "$data/fis-v"
aqa baseline --target all athlete+event
aqa store stand-in --clips 60 --features 64
aqa fit --head gdlt -p epochs=1
aqa eval --no-baseline

within rhythmic-gymnastics
aqa import rhythmic-gymnastics "$data/rhythmic-gymnastics"
aqa baseline seconds neighbours --split ball
aqa store stand-in --clips 20 --features 64
aqa fit --head average --split ball -p epochs=2
aqa eval --no-baseline
