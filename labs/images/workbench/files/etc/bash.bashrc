# For every interactive shell of a learner.
[ -z "$PS1" ] && return

shopt -s checkwinsize histappend
HISTCONTROL=ignoredups
HISTSIZE=5000

PS1='[\[\e[36m\]\w\[\e[0m\]] \$ '
PROMPT_DIRTRIM=3

alias k=kubectl
alias ls='ls --color=auto'
alias ll='ls -l'
alias grep='grep --color=auto'

. /usr/share/bash-completion/bash_completion
