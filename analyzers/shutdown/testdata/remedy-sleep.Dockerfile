FROM python:3.14-slim
# want "let it trap TERM and leave its loop, or run what repeats as a CronJob"
CMD while true; do python -m report; sleep 3600; done
