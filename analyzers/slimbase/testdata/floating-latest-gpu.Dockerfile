# "latest-gpu" floats as latest does.
# want "has tag \"latest-gpu\": a rebuild may take another version"
# want "has no digest"
FROM pytorch/torchserve:latest-gpu
