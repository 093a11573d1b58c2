#include "pasted.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon.h"
#include "identity/service_key.h"
#include "linux/file.h"

#define TEXT_SIZE (128u * 1024u) /* what iflowd takes */
#define FILE_SIZE_MAX (96u * 1024u)
#define LINE_BYTES 48u
#define COMMAND_WORD_MAX 16u /* longer than the console's longest */

struct paste_options {
    const char *files[SERVICE_KEY_INPUT_MAX];
    size_t count;
    struct console_at at;
    const char *usage_text;
    bool json, new_tenant, takes_new_tenant;
};

static char text_buf[TEXT_SIZE];
static uint8_t file_buf[FILE_SIZE_MAX];

static int usage(const struct paste_options *options, const char *why, const char *word)
{
    fprintf(stderr, "iflowctl: %s%s\n%s", why, word, options->usage_text);
    return 2;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct paste_options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const int taken = console_at_option(&options->at, argc, argv, &i);
        if (taken < 0) {
            return usage(options, "its value is missing or wrong: ", word);
        }
        if (taken == 1) {
            continue;
        }
        if (strcmp(word, "--help") == 0) {
            fputs(options->usage_text, stdout);
            return 0;
        }
        if (strcmp(word, "--json") == 0) {
            options->json = true;
        } else if (strcmp(word, "--new-tenant") == 0 && options->takes_new_tenant) {
            options->new_tenant = true;
        } else if (word[0] == '-' && word[1] != '\0') {
            return usage(options, "unknown option: ", word);
        } else if (options->count == SERVICE_KEY_INPUT_MAX) {
            return usage(options, "more than 4 files: ", word);
        } else {
            options->files[options->count++] = word;
        }
    }
    return options->count > 0 ? -1 : usage(options, "no file", "");
}

static bool is_blank(uint8_t c)
{
    return c <= ' ' || c == 0x7F;
}

static struct bytes trimmed(struct bytes line)
{
    while (line.size > 0 && is_blank(line.data[0])) {
        line = bytes_tail(line, 1);
    }
    while (line.size > 0 && is_blank(line.data[line.size - 1])) {
        line.size--;
    }
    return line;
}

/* The dot that ends a paste; or what the console could take for a command, where it takes no paste: a short word in small letters with more behind it. (A
 * command of one word changes nothing that stays, and base64 may look like one.) */
static bool is_for_the_console(struct bytes line)
{
    size_t letters = 0;
    while (letters < line.size && line.data[letters] >= 'a' && line.data[letters] <= 'z') {
        letters++;
    }
    return bytes_starts_with(line, bytes_of_string(".")) ||
           (letters > 0 && letters <= COMMAND_WORD_MAX && letters < line.size && is_blank(line.data[letters]));
}

/* Whoever wrote the file gives certificates, not commands. */
static void add_line(struct text *out, struct bytes line)
{
    line = trimmed(line);
    text_str(out, is_for_the_console(line) ? "# " : "");
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == ' ' || !is_blank(line.data[i])) {
            text_char(out, (char)line.data[i]);
        }
    }
    text_char(out, '\n');
}

static void add_lines(struct text *out, struct bytes content)
{
    while (content.size > 0) {
        size_t size = 0;
        while (size < content.size && content.data[size] != '\n' && content.data[size] != '\r') {
            size++;
        }
        add_line(out, bytes_head(content, size));
        content = bytes_tail(content, size + 1);
    }
}

/* One certificate as DER becomes PEM; a text goes line by line. */
static void add_file(struct text *out, struct bytes content)
{
    const bool der =
        content.size > 1 && content.data[0] == 0x30 && content.data[1] >= 0x80; /* 0x30 is the digit 0, too */
    if (!der) {
        add_lines(out, content);
        return;
    }
    text_str(out, "-----BEGIN CERTIFICATE-----\n");
    for (; content.size > 0; content = bytes_tail(content, LINE_BYTES)) {
        text_base64(out, bytes_head(content, LINE_BYTES));
        text_char(out, '\n');
    }
    text_str(out, "-----END CERTIFICATE-----\n");
}

static enum ifl_status read_files(const struct paste_options *options, struct text *out, struct text *detail)
{
    enum ifl_status status = IFL_OK;
    for (size_t i = 0; i < options->count && status == IFL_OK; i++) {
        size_t size = 0;
        const char *name = options->files[i];
        status = strcmp(name, "-") == 0 ? file_read_stdin(file_buf, sizeof file_buf, &size, detail)
                                        : file_read("", name, file_buf, sizeof file_buf, &size, detail);
        add_file(out, bytes_of(file_buf, size));
    }
    bytes_wipe(file_buf, sizeof file_buf); /* somebody may give a key by mistake */
    return status == IFL_OK && out->cut ? IFL_TOO_LARGE : status;
}

int pasted_certificates(const char *command, const char *usage_text, int takes_new_tenant, int argc, char **argv)
{
    struct paste_options options = {
        .at = CONSOLE_AT_DEFAULT, .usage_text = usage_text, .takes_new_tenant = takes_new_tenant != 0};
    char buf[1024];
    struct text detail, out;
    const int end = parse(argc, argv, &options);
    if (end >= 0) {
        return end;
    }
    text_init(&detail, buf, sizeof buf);
    text_init(&out, text_buf, sizeof text_buf);
    text_str(&out, options.json ? "json " : "");
    text_str(&out, command);
    text_str(&out, options.new_tenant ? " new-tenant\n" : "\n");
    const enum ifl_status status = read_files(&options, &out, &detail);
    text_str(&out, "\n.\n");
    const int result = status == IFL_OK ? console_talk(&options.at, options.json, bytes_of(text_buf, out.len))
                                        : daemon_refuse(options.json, status, buf);
    bytes_wipe(text_buf, sizeof text_buf);
    return result;
}
