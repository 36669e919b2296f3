# want "slimbase-floating" "slimbase-full"
FROM python:3
