# escape=`
# A tag of python may be an image of Windows, which has no slim sibling.
# want "slimbase-undigested"
FROM python:3.12
RUN dir C:\
