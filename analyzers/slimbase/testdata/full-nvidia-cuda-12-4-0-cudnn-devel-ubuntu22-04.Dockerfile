# want "use \"nvidia/cuda:12.4.0-cudnn-runtime-ubuntu22.04\"" "slimbase-undigested"
FROM nvidia/cuda:12.4.0-cudnn-devel-ubuntu22.04
