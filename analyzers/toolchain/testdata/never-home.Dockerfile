# Toolchains that their own RUN removes: from the home of root, by an expression.
FROM python:3.14-slim
RUN curl -sSf https://sh.rustup.rs | sh -s -- -y && pip install a==1 && rm -rf "$HOME/.cargo" "$HOME/.rustup"
RUN apt-get update && apt-get install -y clang-14 && make && apt-get remove -y --autoremove 'clang.*'
