# want "slimbase-floating" "slimbase-full" "slimbase-undigested"
FROM python
