# want "slimbase-floating" "slimbase-undigested"
FROM python:slim
